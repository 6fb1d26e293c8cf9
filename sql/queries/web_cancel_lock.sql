-- Locks jobs until the transaction ends, in the order of their ids as store_lock_jobs.sql does, and
-- notes in those that have not ended that they are to be: no image of them is tried again.
-- $1 uuid[]: jobs. Served by jobs_pkey.
WITH locked AS (
    SELECT id FROM jobs WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
)
UPDATE jobs AS j SET cancel_asked_at = now()
  FROM locked
 WHERE j.id = locked.id AND j.status IN ('queued', 'running') AND j.cancel_asked_at IS NULL
