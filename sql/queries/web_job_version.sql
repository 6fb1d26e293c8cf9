-- What decides whether a job's body is built at all. $1: the job. By jobs_pkey.
SELECT version, status IN ('completed', 'failed', 'cancelled') FROM jobs WHERE id = $1::uuid
