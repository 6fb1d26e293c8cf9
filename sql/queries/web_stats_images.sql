-- The next 2000 images that ended in a range of time, in the order of their ends.
-- $1: a time, $2: an image: those after these; $3: a time: those before it.
-- Gives the time and id to go on after, the time in milliseconds, priority, status, error code, and
-- the seconds of waiting, processing and completion. By images_completed, images_failed and
-- images_cancelled, in their order, so that a slice costs the same whatever the range (see
-- READER_SETTINGS in web/reader.h); then by primary keys.
SELECT slice.at, slice.id, floor(extract(epoch FROM slice.at) * 1000)::bigint, t.priority, t.status,
       t.error_code, t.waiting_s, t.processing_s, t.completion_s
FROM (
    (SELECT id, completed_at AS at FROM images
     WHERE status = 'completed' AND completed_at < $3::timestamptz
       AND (completed_at, id) > ($1::timestamptz, $2::uuid)
     ORDER BY completed_at, id LIMIT 2000)
    UNION ALL
    (SELECT id, failed_at FROM images
     WHERE status = 'failed' AND failed_at < $3::timestamptz
       AND (failed_at, id) > ($1::timestamptz, $2::uuid)
     ORDER BY failed_at, id LIMIT 2000)
    UNION ALL
    (SELECT id, cancelled_at FROM images
     WHERE status = 'cancelled' AND cancelled_at < $3::timestamptz
       AND (cancelled_at, id) > ($1::timestamptz, $2::uuid)
     ORDER BY cancelled_at, id LIMIT 2000)
    ORDER BY at, id LIMIT 2000
) AS slice
JOIN image_times AS t ON t.id = slice.id
ORDER BY slice.at, slice.id
