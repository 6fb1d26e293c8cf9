-- Leases jobs that were ended by cancelling them, to tell of them: at most 100, for 30 seconds.
-- Served by untold_jobs_pkey; it holds what the last second has brought.
UPDATE untold_jobs AS u
   SET lease_until = now() + interval '30 seconds'
  FROM (SELECT job FROM untold_jobs
         WHERE lease_until IS NULL OR lease_until < now()
         ORDER BY job
         LIMIT 100
           FOR UPDATE SKIP LOCKED) AS due
 WHERE u.job = due.job
RETURNING u.job
