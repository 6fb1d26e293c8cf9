-- A page of jobs without their images, newest first. $1: a list of states; $2: of priorities; $3, $4:
-- ids, from the first on and before the second; $5: rows, at most. Columns as web/job_rows.c wants.
-- Of each state and priority the newest are taken, and of these the newest: so it reads ten times a
-- page at most, whatever the states of ten million jobs are. By jobs_by_state, then jobs_pkey.
-- It is asked by whole keys because then no other order is of use to the planner: by the primary key
-- it would read past all jobs of other states, which is many whenever its statistics are wrong. The
-- limit of one row keeps it from a join of all jobs.
SELECT version, page.id, status, priority, total, queued, running, completed, failed, cancelled,
       to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(started_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(completed_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(failed_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(cancelled_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), metadata
FROM (
    SELECT newest.id
    FROM unnest($1::text[]) AS s(status), unnest($2::text[]) AS p(priority), LATERAL (
        SELECT id FROM jobs
        WHERE (status, priority, id) >= (s.status, p.priority, $3::uuid)
          AND (status, priority, id) < (s.status, p.priority, $4::uuid)
        ORDER BY status DESC, priority DESC, id DESC
        LIMIT $5::int
    ) AS newest
    ORDER BY newest.id DESC
    LIMIT $5::int
) AS page, LATERAL (SELECT * FROM jobs WHERE id = page.id LIMIT 1) AS job
ORDER BY page.id DESC
