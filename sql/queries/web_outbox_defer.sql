-- Gives outbox rows back with the images that are still to be sent. $1: their ids; $2: for each the
-- images, as the text of an array; $3: for each the milliseconds until it is due; $4: for each
-- whether it was refused (1: counts as deferred) or only not tried (0). By outbox_pkey.
UPDATE outbox o
SET images = rest.images::uuid[], lease_until = NULL,
    due_at = now() + rest.delay_ms * interval '1 millisecond',
    deferred = o.deferred + rest.refused
FROM unnest($1::bigint[], $2::text[], $3::int[], $4::int[]) AS rest(id, images, delay_ms, refused)
WHERE o.id = rest.id
