-- They have been told of. $1 uuid[]: jobs. Served by untold_jobs_pkey.
DELETE FROM untold_jobs WHERE job = ANY ($1::uuid[])
