-- Saves new jobs, their images and one outbox row each, as one statement and so one transaction.
-- $1: a JSON list of {"id", "priority", "created_at", "metadata", "images": [{"id", "ref",
--     "input", "parameters"}]}; $2: seconds the outbox rows are leased to the caller, null: not.
-- Gives (id of the outbox row, job). By primary keys.
WITH given AS (
    SELECT * FROM json_to_recordset($1::json)
        AS job(id uuid, priority text, created_at timestamptz, metadata jsonb, images json)
), given_images AS (
    SELECT given.id AS job, given.created_at, listed.place - 1 AS position,
           (listed.image->>'id')::uuid AS id, listed.image->>'ref' AS ref,
           listed.image->>'input' AS input, (listed.image->'parameters')::jsonb AS parameters
    FROM given, json_array_elements(given.images) WITH ORDINALITY AS listed(image, place)
), saved AS (
    INSERT INTO jobs (id, priority, created_at, total, queued, metadata)
    SELECT id, priority, created_at, json_array_length(images), json_array_length(images), metadata
    FROM given
), saved_images AS (
    INSERT INTO images (id, job, position, ref, input, parameters, created_at)
    SELECT id, job, position, ref, input, parameters, created_at FROM given_images
)
INSERT INTO outbox (job, images, lease_until)
SELECT job, array_agg(id ORDER BY position), now() + make_interval(secs => $2::float)
FROM given_images
GROUP BY job
RETURNING id, job
