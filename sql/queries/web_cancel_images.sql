-- Ends the images of some jobs that no worker is known to have begun. A statement of its own, because
-- it must see what was committed while the locks were waited for. The version is the one that the
-- job's recount, in this transaction, will give it.
-- $1 uuid[]: jobs, locked by this transaction; $2 jsonb: the error. Served by images_job_position_key.
-- Gives the jobs of those images, each once.
WITH ended AS (
    UPDATE images
       SET version = (SELECT j.version + 1 FROM jobs AS j WHERE j.id = images.job),
           status = 'cancelled', cancelled_at = greatest(created_at, now()), error = $2::jsonb
     WHERE job = ANY ($1::uuid[]) AND status = 'queued'
    RETURNING job
)
SELECT DISTINCT job FROM ended
