-- Gives outbox rows back with the images that are still to be sent. $1: their ids; $2: for each the
-- images, as the text of an array; $3: for each the milliseconds until it is due; $4: for each
-- whether it was refused (1: counts as deferred) or only not tried (0). By outbox_pkey.
-- They are locked in the order of their ids, as by web_cancel_outbox.sql in another web process: else
-- each could hold what the other waits for.
WITH locked AS (
    SELECT id FROM outbox WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE
)
UPDATE outbox o
SET images = rest.images::uuid[], lease_until = NULL,
    due_at = now() + rest.delay_ms * interval '1 millisecond',
    deferred = o.deferred + rest.refused
FROM locked
JOIN unnest($1::bigint[], $2::text[], $3::int[], $4::int[]) AS rest(id, images, delay_ms, refused)
  ON rest.id = locked.id
WHERE o.id = locked.id
