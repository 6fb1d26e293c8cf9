-- Deletes the outbox rows of some jobs whose images have all ended. Of rows with others in them
-- web_outbox_take.sql leaves out those that have.
-- $1 uuid[]: jobs, locked by this transaction. Served by outbox_job and images_pkey.
DELETE FROM outbox
 WHERE id IN (SELECT id FROM outbox AS o
               WHERE job = ANY ($1::uuid[])
                 AND NOT EXISTS (SELECT FROM images AS i
                                  WHERE i.id = ANY (o.images) AND i.status IN ('queued', 'running'))
               ORDER BY id
                 FOR UPDATE)
