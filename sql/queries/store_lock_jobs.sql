-- Locks the jobs of some images until the transaction ends, always in the order of their ids, so
-- that two stores never wait for each other. NO KEY: outbox rows may still be inserted for them.
-- $1 uuid[]: images. Served by images_pkey and jobs_pkey.
SELECT FROM jobs
 WHERE id IN (SELECT job FROM images WHERE id = ANY ($1::uuid[]))
 ORDER BY id
   FOR NO KEY UPDATE
