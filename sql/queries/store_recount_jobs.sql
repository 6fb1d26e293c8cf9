-- Counts and status of some jobs, from their images: the one place where a job's status is derived.
-- It is queued until its first image has begun, and ended once all have: completed when all are,
-- else failed, or cancelled when none failed.
-- $1 uuid[]: jobs whose images have changed, locked by this transaction.
-- Served by images_job_position_key and jobs_pkey.
UPDATE jobs AS j
   SET version      = j.version + 1,
       status       = n.status,
       queued       = n.queued,
       running      = n.running,
       completed    = n.completed,
       failed       = n.failed,
       cancelled    = n.cancelled,
       started_at   = least(j.started_at, n.started_at),
       completed_at = CASE n.status WHEN 'completed' THEN coalesce(j.completed_at, n.ended_at) END,
       failed_at    = CASE n.status WHEN 'failed' THEN coalesce(j.failed_at, n.ended_at) END,
       cancelled_at = CASE n.status WHEN 'cancelled' THEN coalesce(j.cancelled_at, n.ended_at) END
  FROM (SELECT c.*,
               CASE WHEN queued + running = 0
                    THEN CASE WHEN failed > 0 THEN 'failed'
                              WHEN cancelled > 0 THEN 'cancelled'
                              ELSE 'completed' END
                    WHEN begun THEN 'running'
                    ELSE 'queued' END AS status
          FROM (SELECT job,
                       count(*) FILTER (WHERE status = 'queued') AS queued,
                       count(*) FILTER (WHERE status = 'running') AS running,
                       count(*) FILTER (WHERE status = 'completed') AS completed,
                       count(*) FILTER (WHERE status = 'failed') AS failed,
                       count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
                       bool_or(attempts > 0 OR status <> 'queued') AS begun,
                       min(started_at) AS started_at,
                       max(greatest(completed_at, failed_at, cancelled_at)) AS ended_at
                  FROM images
                 WHERE job = ANY ($1::uuid[])
                 GROUP BY job) AS c) AS n
  JOIN jobs AS was ON was.id = n.job
 WHERE j.id = n.job
RETURNING j.id, was.status IN ('queued', 'running') AND j.status NOT IN ('queued', 'running')
          AS ended_now
