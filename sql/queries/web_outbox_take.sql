-- Leases outbox rows that are due: new ones nobody publishes, those whose publisher has gone, and
-- later tries. $1: seconds of the lease; $2: rows, at most.
-- Gives a row an image that has not ended (or one of nulls when all have): id of the outbox row,
-- job, priority, times deferred, when the job was made, image, input, parameters, number of the
-- attempt; the images of an outbox row stand together. By outbox_due, then primary keys.
WITH due AS (
    SELECT id FROM outbox
    WHERE due_at <= now() AND (lease_until IS NULL OR lease_until < now())
    ORDER BY due_at
    LIMIT $2::int
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE outbox o SET lease_until = now() + make_interval(secs => $1::float)
    FROM due WHERE o.id = due.id
    RETURNING o.id, o.job, o.images, o.deferred
)
SELECT taken.id, taken.job, j.priority, taken.deferred, to_char(j.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       i.id, i.input, i.parameters, i.retried + 1
FROM taken
JOIN jobs j ON j.id = taken.job
LEFT JOIN images i ON i.id = ANY (taken.images) AND i.status IN ('queued', 'running')
ORDER BY taken.id, i.position
