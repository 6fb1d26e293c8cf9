-- Where some images are, once their jobs are locked: a statement of its own, because it must see
-- what was committed while the lock was waited for.
-- $1 uuid[]: images. Served by images_pkey.
SELECT id, job, status, attempts, retried, started_at IS NOT NULL AS started,
       coalesce(error ->> 'code', '') AS error_code
  FROM images
 WHERE id = ANY ($1::uuid[])
