-- Lists of jobs by their state, and jobs that are cancelled.

-- An image that was cancelled, and a job that has ended by it, say when, as others do that have ended.
ALTER TABLE images ADD COLUMN cancelled_at timestamptz;
ALTER TABLE jobs ADD COLUMN cancelled_at timestamptz;
-- When it was first asked for. Images in work then go on, but none is tried again after.
ALTER TABLE jobs ADD COLUMN cancel_asked_at timestamptz;

-- For GET /jobs: the newest of each state come from the end of its part, however many there are of the
-- others. Ids are in the order of creation, and begin with its time.
CREATE INDEX jobs_by_state ON jobs (status, priority, id);
CREATE INDEX images_cancelled ON images (cancelled_at) WHERE status = 'cancelled';

CREATE OR REPLACE VIEW jobs_overview AS
SELECT id, status, priority, total, queued, running, completed, failed, cancelled,
       created_at, started_at, e.ended_at,
       CASE WHEN started_at IS NOT NULL
            THEN greatest(0, extract(epoch FROM started_at - created_at)) END::double precision
       AS waiting_s,
       CASE WHEN e.ended_at IS NOT NULL
            THEN greatest(0, extract(epoch FROM e.ended_at - created_at)) END::double precision
       AS completion_s,
       metadata, cancelled_at, cancel_asked_at
  FROM jobs
 CROSS JOIN LATERAL (SELECT coalesce(completed_at, failed_at, cancelled_at) AS ended_at) AS e;
