-- A job and its images in one snapshot: a row an image, the job's columns on each, in the order of
-- web/job_rows.c.
-- Times are in UTC, the time zone of every session of lib/db.
-- $1: the job. By jobs_pkey and images_job_position_key.
SELECT j.version, j.id, j.status, j.priority, j.total, j.queued, j.running, j.completed, j.failed,
       j.cancelled, to_char(j.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(j.started_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(j.completed_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(j.failed_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(j.cancelled_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), j.metadata,
       i.id, i.ref, i.input, i.status, i.parameters, i.result, i.error, i.attempts,
       to_char(i.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(i.started_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(i.completed_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(i.failed_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(i.cancelled_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
FROM jobs j JOIN images i ON i.job = j.id
WHERE j.id = $1::uuid
ORDER BY i.position
