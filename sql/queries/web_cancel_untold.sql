-- Leaves it to a store to tell of jobs that have ended. $1 uuid[]: jobs.
INSERT INTO untold_jobs (job) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING
