-- Writes what has changed of some images; a member that is absent or null stays as it was, but an
-- image that is completed has no error any more. The job's version is the one that its recount, in
-- this transaction, will give it.
-- $1 json: [{id, status, attempts, retried, started_at, completed_at, failed_at, cancelled_at,
--     result, error}].
-- Served by images_pkey and jobs_pkey.
UPDATE images AS i
   SET version      = (SELECT j.version + 1 FROM jobs AS j WHERE j.id = i.job),
       status       = c.status,
       attempts     = c.attempts,
       retried      = c.retried,
       started_at   = coalesce(c.started_at, i.started_at),
       completed_at = coalesce(c.completed_at, i.completed_at),
       failed_at    = coalesce(c.failed_at, i.failed_at),
       cancelled_at = coalesce(c.cancelled_at, i.cancelled_at),
       result       = coalesce(c.result, i.result),
       error        = CASE WHEN c.status <> 'completed' THEN coalesce(c.error, i.error) END
  FROM json_to_recordset($1::json)
    AS c (id uuid, status text, attempts integer, retried integer, started_at timestamptz,
          completed_at timestamptz, failed_at timestamptz, cancelled_at timestamptz,
          result jsonb, error jsonb)
 WHERE i.id = c.id
