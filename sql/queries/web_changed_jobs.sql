-- Jobs that are newer than what was told of them, with those of their images that have changed since:
-- a row an image, or one with nulls where none has. The columns are those of web_job.sql, and last the
-- version that the image changed with.
-- $1 uuid[]: jobs, $2 bigint[]: the version of each that was told, 0: none. By jobs_pkey and
-- images_job_position_key.
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
       to_char(i.cancelled_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), i.version
  FROM unnest($1::uuid[], $2::bigint[]) AS told (job, version)
  JOIN jobs AS j ON j.id = told.job AND j.version > told.version
  LEFT JOIN images AS i ON i.job = j.id AND i.version > told.version
 ORDER BY j.id, i.position
