-- The next 2000 jobs made in a range of time, in the order of their creation.
-- $1: a job: those after it; $2: an id: those before it.
-- Gives the id to go on after, when it was made in milliseconds, priority, images. By jobs_pkey.
SELECT id, floor(extract(epoch FROM created_at) * 1000)::bigint, priority, total
FROM jobs
WHERE id > $1::uuid AND id < $2::uuid
ORDER BY id
LIMIT 2000
