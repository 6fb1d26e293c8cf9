-- Deletes outbox rows whose messages are all confirmed. $1: their ids. By outbox_pkey, which goes
-- through a list in the order of the ids: see web_outbox_defer.sql.
-- It need not reach the disk before the answer: a row that comes back after a crash of the database
-- is published twice, which harms nothing, and a wait for the disk here would halve the rate.
DELETE FROM outbox
USING (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed
WHERE id = ANY ($1::bigint[])
