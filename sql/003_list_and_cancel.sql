-- Lists of jobs by their state, and jobs that are cancelled.

-- An image that was cancelled, and a job that has ended by it, say when, as others do that have ended.
ALTER TABLE images ADD COLUMN cancelled_at timestamptz;
ALTER TABLE jobs ADD COLUMN cancelled_at timestamptz;
-- When it was first asked for. Images in work then go on, but none is tried again after.
ALTER TABLE jobs ADD COLUMN cancel_asked_at timestamptz;

-- Jobs that web has ended by cancelling them, until a store has told of them on its port OUT.
CREATE TABLE untold_jobs (
    job         uuid PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    lease_until timestamptz                       -- a store is telling of it until then
);

-- For GET /jobs: the newest of each state come from the end of its part, however many there are of the
-- others. Ids are in the order of creation, and begin with its time.
CREATE INDEX jobs_by_state ON jobs (status, priority, id);
-- A job passes through two states on its way, and leaves an entry in the index at each. The first who
-- asks for queued jobs after a while reads past these: vacuumed at a fiftieth of the table, and not at
-- a fifth, they are few.
ALTER TABLE jobs SET (autovacuum_vacuum_scale_factor = 0.02);

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
