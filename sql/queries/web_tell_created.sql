-- Tells of new jobs whoever streams events, here and in other web processes. $1: their ids, with blanks
-- between, shorter than 8000 bytes.
-- A transaction of its own, after theirs: those that notify commit one after the other, so that new
-- jobs would wait for the store's commits and these for theirs. It need not reach the disk either: what
-- is lost with the database's crash is told when the job next changes.
SELECT pg_notify('jobs_created', $1)
  FROM (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed
