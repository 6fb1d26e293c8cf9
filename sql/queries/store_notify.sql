-- Wakes those who wait for a job, when the transaction commits. A payload holds up to 200 ids:
-- it must be shorter than 8000 bytes.
-- $1 uuid[]: jobs that have changed.
SELECT pg_notify('jobs_changed', string_agg(id::text, ' '))
  FROM (SELECT id, (row_number() OVER () - 1) / 200 AS chunk FROM unnest($1::uuid[]) AS id) AS jobs
 GROUP BY chunk
