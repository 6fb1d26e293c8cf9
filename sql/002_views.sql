-- Views for support and analysis. Times are never below 0, whatever the clocks of the workers say.

CREATE VIEW image_times AS
SELECT i.id, i.job, i.position, i.status, j.priority, i.attempts, i.retried,
       i.error ->> 'code' AS error_code,
       i.created_at, i.started_at, i.completed_at, i.failed_at, e.ended_at,
       -- least and greatest skip nulls, a difference does not: what has not happened stays null.
       CASE WHEN i.started_at IS NOT NULL
            THEN greatest(0, extract(epoch FROM i.started_at - i.created_at)) END::double precision
       AS waiting_s,
       CASE WHEN i.started_at IS NOT NULL AND e.ended_at IS NOT NULL
            THEN greatest(0, extract(epoch FROM e.ended_at - i.started_at)) END::double precision
       AS processing_s,
       CASE WHEN e.ended_at IS NOT NULL
            THEN greatest(0, extract(epoch FROM e.ended_at - i.created_at)) END::double precision
       AS completion_s
  FROM images AS i
  JOIN jobs AS j ON j.id = i.job
 CROSS JOIN LATERAL (SELECT coalesce(i.completed_at, i.failed_at) AS ended_at) AS e;

COMMENT ON VIEW image_times IS
'Each image with its times in seconds: waiting (made until the last attempt began), processing (the last attempt) and completion (made until ended). Ask with a condition on completed_at, failed_at, job or id: those are indexed.';

-- Two halves, so that each finds its images by its own index when a time range is asked for.
CREATE VIEW ended_images AS
SELECT t.*, t.completed_at AS at FROM image_times AS t WHERE t.status = 'completed'
 UNION ALL
SELECT t.*, t.failed_at AS at FROM image_times AS t WHERE t.status = 'failed';

COMMENT ON VIEW ended_images IS
'The images of image_times that have completed or failed, with `at`, when they did. Ask with a condition on `at`.';

CREATE VIEW images_by_minute AS
SELECT date_trunc('minute', at) AS minute, priority,
       count(*) FILTER (WHERE status = 'completed') AS completed,
       count(*) FILTER (WHERE status = 'failed') AS failed,
       sum(retried) AS retried,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY waiting_s) AS waiting_p50_s,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY waiting_s) AS waiting_p90_s,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY waiting_s) AS waiting_p99_s,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY processing_s) AS processing_p50_s,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY processing_s) AS processing_p90_s,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY processing_s) AS processing_p99_s,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY completion_s) AS completion_p50_s,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY completion_s) AS completion_p90_s,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY completion_s) AS completion_p99_s
  FROM ended_images
 GROUP BY 1, 2;

COMMENT ON VIEW images_by_minute IS
'Images that ended, by minute and priority: how many, and the percentiles of their times in seconds. It reads every ended image; for a part of a long history group ended_images with a condition on `at`.';

CREATE VIEW failures_by_code AS
SELECT date_trunc('day', failed_at) AS day, error_code, count(*) AS images,
       min(failed_at) AS first_at, max(failed_at) AS last_at
  FROM image_times
 WHERE status = 'failed'
 GROUP BY 1, 2;

COMMENT ON VIEW failures_by_code IS 'Failed images by day (UTC) and error code.';

CREATE VIEW jobs_overview AS
SELECT id, status, priority, total, queued, running, completed, failed, cancelled,
       created_at, started_at, coalesce(completed_at, failed_at) AS ended_at,
       CASE WHEN started_at IS NOT NULL
            THEN greatest(0, extract(epoch FROM started_at - created_at)) END::double precision
       AS waiting_s,
       CASE WHEN coalesce(completed_at, failed_at) IS NOT NULL
            THEN greatest(0, extract(epoch FROM coalesce(completed_at, failed_at) - created_at))
       END::double precision AS completion_s,
       metadata
  FROM jobs;

COMMENT ON VIEW jobs_overview IS
'Each job with its counts and its times in seconds. Newest first: ORDER BY id DESC, which is the order of creation.';

CREATE VIEW unended_images AS
SELECT i.id, i.job, i.status, i.attempts, i.retried, i.error ->> 'code' AS last_error_code,
       i.created_at, i.started_at,
       greatest(0, extract(epoch FROM now() - i.created_at))::double precision AS age_s,
       (SELECT min(o.due_at) FROM outbox AS o WHERE o.job = i.job AND i.id = ANY (o.images))
       AS outbox_due_at
  FROM images AS i
 WHERE i.status IN ('queued', 'running');

COMMENT ON VIEW unended_images IS
'Images that have not ended, with their age in seconds. outbox_due_at: their message has not been published yet (null: it is in the broker or with a worker).';
