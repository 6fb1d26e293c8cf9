-- Whether the database answers and has been migrated: fails without the table.
SELECT 1 FROM jobs LIMIT 1
