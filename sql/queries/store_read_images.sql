-- Where some images are, once their jobs are locked: a statement of its own, because it must see
-- what was committed while the lock was waited for.
-- $1 uuid[]: images. Served by images_pkey and jobs_pkey.
SELECT i.id, i.job, i.status, i.attempts, i.retried, i.started_at IS NOT NULL AS started,
       coalesce(i.error ->> 'code', '') AS error_code, j.cancel_asked_at IS NOT NULL AS cancel_asked
  FROM images AS i
  JOIN jobs AS j ON j.id = i.job
 WHERE i.id = ANY ($1::uuid[])
