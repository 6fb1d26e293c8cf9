-- What is told of jobs that have ended: $1 those that ended now, and of the images in $2 those
-- whose job has ended earlier, because it may not have been told before a crash.
-- $1 uuid[]: jobs, $2 uuid[]: images. Served by jobs_pkey and images_pkey.
SELECT id, status, total, completed, failed, cancelled, id = ANY ($1::uuid[]) AS ended_now,
       greatest(0, extract(epoch FROM coalesce(completed_at, failed_at, cancelled_at) - created_at)
                   * 1000)::bigint AS took_ms,
       json_build_object(
         'id', id, 'status', status, 'priority', priority, 'version', version,
         'counts', json_build_object('total', total, 'queued', queued, 'running', running,
                                     'completed', completed, 'failed', failed,
                                     'cancelled', cancelled),
         'created_at', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
         'started_at', to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
         'completed_at', to_char(completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
         'failed_at', to_char(failed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
         'cancelled_at', to_char(cancelled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
         'metadata', metadata)::text AS document
  FROM jobs
 WHERE id IN (SELECT unnest($1::uuid[])
              UNION SELECT job FROM images WHERE id = ANY ($2::uuid[]))
   AND status NOT IN ('queued', 'running')
