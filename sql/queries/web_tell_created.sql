-- Tells the other web processes of new jobs. $1: their ids, with blanks between, shorter than 8000 bytes;
-- empty: there are more than that.
-- A transaction and a connection of its own: those that notify commit one after the other, so that new
-- jobs would wait for the store's commits, and these for theirs. It need not reach the disk: what is
-- lost with a crash of the database is told when the job next changes.
SELECT pg_notify('jobs_created', $1)
  FROM (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed
