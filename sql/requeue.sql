-- Queues every image that has not ended again, for the day the broker has lost its queues:
--     bin/env psql -f sql/requeue.sql
-- Images that wait in the outbox already are left to it. Safe to run twice, or while images are on
-- their way: a message too many costs some work and changes nothing, because an image ends once.
\set ON_ERROR_STOP on
BEGIN;
SELECT pg_advisory_xact_lock(hashtext('imageresize requeue')) \g /dev/null
-- One row holds up to 100 images of a job. Served by images_unended and outbox_job.
WITH lost AS (
    SELECT id, job, position
      FROM images AS i
     WHERE status IN ('queued', 'running')
       AND NOT EXISTS (SELECT FROM outbox AS o WHERE o.job = i.job AND i.id = ANY (o.images))
), queued AS (
    INSERT INTO outbox (job, images)
    SELECT job, array_agg(id ORDER BY position)
      FROM lost
     GROUP BY job, position / 100
     ORDER BY job
    RETURNING cardinality(images) AS images
)
SELECT coalesce(sum(images), 0) AS images_queued_again FROM queued;
COMMIT;
