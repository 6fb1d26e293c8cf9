-- What bin/demo counts with, in a schema of its own beside the service's tables: parts (b, c and d),
-- their arrivals as the load generator wrote them down, what formation was seen to run, and each
-- end of an image. Times ending in _s are seconds since the part began.

CREATE SCHEMA demo;

CREATE TABLE demo.settings (
    jobs_s     double precision NOT NULL, -- what one worker ends in a second
    places     integer NOT NULL,          -- images in hand at once, of a worker
    deadline_s double precision NOT NULL,
    is_short   boolean NOT NULL           -- too short for guv to take workers away again
);

CREATE TABLE demo.parts (
    part    text PRIMARY KEY,
    until_s double precision NOT NULL, -- what comes later is no part of it
    ends_s  double precision           -- of the load; what is judged of (c)
);

CREATE TABLE demo.arrivals (
    part      text NOT NULL,
    n         integer NOT NULL,
    due_at    timestamptz NOT NULL, -- as planned
    due_s     double precision NOT NULL,
    late_ms   integer NOT NULL,     -- was sent so much later
    status    integer NOT NULL,     -- 202: accepted; 0: no answer
    answer_ms integer NOT NULL,
    job       uuid,
    PRIMARY KEY (part, n)
);

CREATE TABLE demo.samples (
    part  text NOT NULL,
    at    double precision NOT NULL, -- seconds since 1970
    asked integer NOT NULL,          -- workers
    live  integer NOT NULL,          -- processes that run
    paid  integer NOT NULL           -- places: also those that start, or stop and have not gone
);

CREATE TABLE demo.kills (at double precision NOT NULL, workers integer NOT NULL);

CREATE TABLE demo.in_hand (image uuid PRIMARY KEY); -- at the first kill

-- One row for each end, and one more for each change of an image that had ended: exactly one of an
-- image says that it ended exactly once.
CREATE TABLE demo.ends (image uuid NOT NULL, was text NOT NULL, became text NOT NULL);

CREATE FUNCTION demo.note_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO demo.ends VALUES (new.id, old.status, new.status);
    RETURN NULL;
END $$;

CREATE TRIGGER demo_note_end AFTER UPDATE ON images FOR EACH ROW
    WHEN (new.status IN ('completed', 'failed', 'cancelled')
          OR old.status IN ('completed', 'failed', 'cancelled'))
    EXECUTE FUNCTION demo.note_end();

CREATE VIEW demo.began AS
SELECT part, extract(epoch FROM min(due_at - due_s * interval '1 s'))::double precision AS at
  FROM demo.arrivals GROUP BY part;

-- Each accepted image; took_s counts from when its arrival was due, so that a slow answer to the POST
-- is part of it.
CREATE VIEW demo.images AS
SELECT a.part, a.n, a.due_s, a.job, i.id, i.status,
       extract(epoch FROM i.started_at)::double precision - b.at AS started_s,
       extract(epoch FROM coalesce(i.completed_at, i.failed_at))::double precision - b.at AS ended_s,
       extract(epoch FROM coalesce(i.completed_at, i.failed_at) - a.due_at)::double precision AS took_s,
       (SELECT count(*) FROM demo.ends AS e WHERE e.image = i.id) AS ends
  FROM demo.arrivals AS a
  JOIN demo.began AS b USING (part)
  LEFT JOIN images AS i ON i.job = a.job
 WHERE a.status = 202;

-- Each second t of a part: what came and was done in it, what waits and is in hand at its beginning,
-- place-seconds used and paid in it.
CREATE MATERIALIZED VIEW demo.seconds AS
SELECT p.part, t,
       count(*) FILTER (WHERE i.due_s >= t AND i.due_s < t + 1) AS came,
       count(*) FILTER (WHERE i.ended_s >= t AND i.ended_s < t + 1) AS done,
       count(*) FILTER (WHERE i.due_s <= t AND (i.started_s > t OR i.started_s IS NULL)) AS waiting,
       count(*) FILTER (WHERE i.due_s <= t AND (i.ended_s > t OR i.ended_s IS NULL)) AS unended,
       coalesce(sum(least(i.ended_s, t + 1) - greatest(i.started_s, t))
                FILTER (WHERE i.started_s < t + 1 AND coalesce(i.ended_s > t, true)), 0) AS busy,
       s.asked, s.live, s.paid * (SELECT places FROM demo.settings) AS places
  FROM demo.parts AS p
  JOIN demo.began AS b USING (part)
 CROSS JOIN LATERAL generate_series(0, floor(p.until_s)::integer - 1) AS t
 CROSS JOIN LATERAL (SELECT * FROM demo.samples AS s WHERE s.part = p.part
                      ORDER BY abs(s.at - b.at - t - 0.5) LIMIT 1) AS s
  JOIN demo.images AS i ON i.part = p.part
 GROUP BY p.part, t, s.asked, s.live, s.paid
 ORDER BY p.part, t
  WITH NO DATA;

-- The same for pictures: smoothed over ten seconds where single jobs would be noise.
CREATE VIEW demo.curves AS
SELECT part, t, done, waiting, unended,
       round((avg(came) OVER around / (SELECT jobs_s FROM demo.settings))::numeric, 2) AS load,
       round((100 * sum(busy) OVER around / nullif(sum(places) OVER around, 0))::numeric, 1)
       AS utilisation
  FROM demo.seconds
WINDOW around AS (PARTITION BY part ORDER BY t ROWS BETWEEN 5 PRECEDING AND 4 FOLLOWING);

-- The workers at the times they were looked at or killed, for pictures.
CREATE VIEW demo.crews AS
SELECT part, round((s.at - b.at)::numeric, 2) AS t, s.asked, s.live
  FROM (SELECT part, at, asked, live FROM demo.samples
         UNION ALL SELECT 'b', at, NULL, 0 FROM demo.kills) AS s
  JOIN demo.began AS b USING (part)
  JOIN demo.parts AS p USING (part)
 WHERE s.at - b.at BETWEEN 0 AND p.until_s;

-- Each part in one row. Where a part is judged by the end of its load, an image that had not ended by
-- then is late if it is older than the deadline, and else left out: nobody knows.
CREATE VIEW demo.figures AS
WITH judged AS (
    SELECT i.*, i.took_s <= s.deadline_s AND coalesce(i.ended_s <= p.ends_s, true) AS in_time,
           coalesce(p.ends_s IS NULL OR i.ended_s <= p.ends_s, false) AS is_seen,
           coalesce(p.ends_s - i.due_s <= s.deadline_s, false) AS is_young
      FROM demo.images AS i JOIN demo.parts AS p USING (part) CROSS JOIN demo.settings AS s)
SELECT p.part, a.arrivals, a.accepted, a.latest_ms, a.slowest_answer_ms,
       i.completed, i.failed, i.ended_once, a.accepted - i.ended_once AS lost,
       i.in_time, a.arrivals - i.unknown AS judged,
       100.0 * i.in_time / nullif(a.arrivals - i.unknown, 0) AS in_time_percent,
       i.took_p50_s, i.took_p99_s, i.took_most_s, i.unseen, i.waits_longest_s, i.waiting_most,
       i.worker_s, i.busy_percent, i.seconds, i.workers_first, i.workers_most, i.workers_last
  FROM demo.parts AS p
  JOIN (SELECT part, count(*) AS arrivals, count(*) FILTER (WHERE status = 202) AS accepted,
               max(late_ms) AS latest_ms, max(answer_ms) AS slowest_answer_ms
          FROM demo.arrivals GROUP BY part) AS a USING (part)
 CROSS JOIN LATERAL
       (SELECT count(*) FILTER (WHERE status = 'completed') AS completed,
               count(*) FILTER (WHERE status = 'failed') AS failed,
               count(*) FILTER (WHERE ends = 1 AND ended_s IS NOT NULL) AS ended_once,
               count(*) FILTER (WHERE in_time) AS in_time,
               count(*) FILTER (WHERE NOT is_seen) AS unseen,
               count(*) FILTER (WHERE NOT is_seen AND is_young) AS unknown,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY took_s) FILTER (WHERE is_seen) AS took_p50_s,
               percentile_cont(0.99) WITHIN GROUP (ORDER BY took_s) FILTER (WHERE is_seen) AS took_p99_s,
               max(took_s) FILTER (WHERE is_seen) AS took_most_s,
               max(p.ends_s - due_s) FILTER (WHERE NOT is_seen) AS waits_longest_s,
               (SELECT count(*) FROM demo.seconds WHERE part = p.part) AS seconds,
               (SELECT max(waiting) FROM demo.seconds WHERE part = p.part) AS waiting_most,
               (SELECT sum(places) / (SELECT places FROM demo.settings)
                  FROM demo.seconds WHERE part = p.part) AS worker_s,
               (SELECT 100 * sum(busy) / sum(places)
                  FROM demo.seconds WHERE part = p.part) AS busy_percent,
               (SELECT asked FROM demo.seconds WHERE part = p.part AND t = 0) AS workers_first,
               (SELECT max(asked) FROM demo.seconds WHERE part = p.part) AS workers_most,
               (SELECT asked FROM demo.seconds WHERE part = p.part ORDER BY t DESC LIMIT 1)
               AS workers_last
          FROM judged WHERE judged.part = p.part) AS i
 ORDER BY p.part;

-- Of (b): when the workers were killed first and last, and when images ended again. An image whose
-- result was on its way at the kill may end right after it, so that second does not count.
CREATE VIEW demo.outage AS
SELECT k.first_s, k.last_s, k.kills, k.workers,
       (SELECT count(*) FROM demo.in_hand) AS in_hand,
       (SELECT count(*) FROM demo.in_hand AS h JOIN demo.images AS i ON i.id = h.image
         WHERE i.ends = 1) AS in_hand_ended,
       (SELECT count(*) FROM demo.images
         WHERE part = 'b' AND ended_s BETWEEN k.first_s + 1 AND k.last_s) AS ended_meanwhile,
       (SELECT min(ended_s) FROM demo.images WHERE part = 'b' AND ended_s > k.last_s) - k.last_s
       AS resumed_after_s
  FROM (SELECT min(k.at) - b.at AS first_s, max(k.at) - b.at AS last_s, count(*) AS kills,
               sum(k.workers) AS workers
          FROM demo.kills AS k CROSS JOIN demo.began AS b WHERE b.part = 'b' GROUP BY b.at) AS k;

CREATE VIEW demo.claims AS
WITH b AS (SELECT * FROM demo.figures WHERE part = 'b'),
     c AS (SELECT * FROM demo.figures WHERE part = 'c'),
     d AS (SELECT * FROM demo.figures WHERE part = 'd')
SELECT * FROM (
    SELECT 1 AS n, o.in_hand > 0 AND o.workers > 0 AS holds,
           format('(b) Workers were killed at work: %s SIGKILLs to %s of them, %s images in hand at the first.',
                  o.workers, o.most, o.in_hand) AS text
      FROM (SELECT o.*, (SELECT max(workers) FROM demo.kills) AS most FROM demo.outage AS o) AS o
    UNION ALL
    SELECT 2, coalesce(o.resumed_after_s <= 15, false),
           format('(b) Processing resumed: an image ended %s s after the last kill.',
                  coalesce(round(o.resumed_after_s::numeric, 1)::text, 'never, not'))
      FROM demo.outage AS o
    UNION ALL
    SELECT 3, b.lost = 0 AND b.failed = 0 AND b.accepted > 0,
           format('(b) Nothing was lost: %s images accepted, %s completed, %s of them ended exactly once.',
                  b.accepted, b.completed, b.ended_once)
      FROM b
    UNION ALL
    SELECT 4, c.in_time_percent < 99 AND greatest(c.took_most_s, c.waits_longest_s) > s.deadline_s,
           format('(c) One worker fell past the deadline: %s %% in time; when the load ended %s images were unfinished, the oldest for %s s.',
                  trunc(c.in_time_percent::numeric, 1), c.unseen, round(c.waits_longest_s::numeric))
      FROM c CROSS JOIN demo.settings AS s
    UNION ALL
    SELECT 5, d.in_time_percent >= 99,
           format('(d) guv held the deadline: %s %% of %s images within %s s (99 %% wanted), the slowest %s s.',
                  trunc(d.in_time_percent::numeric, 2), d.arrivals, s.deadline_s,
                  round(d.took_most_s::numeric, 1))
      FROM d CROSS JOIN demo.settings AS s
    UNION ALL
    SELECT 6, d.workers_most > 1 AND (s.is_short OR d.workers_last < d.workers_most),
           format('(d) The workers followed: from %s to %s, at the end %s.', d.workers_first,
                  d.workers_most, d.workers_last)
      FROM d CROSS JOIN demo.settings AS s
    UNION ALL
    SELECT 7, c.lost + d.lost + c.failed + d.failed = 0,
           format('(c), (d) Nothing was lost: %s images accepted, %s completed, each exactly once.',
                  c.accepted + d.accepted, c.completed + d.completed)
      FROM c CROSS JOIN d
    UNION ALL
    SELECT 8, count(*) FILTER (WHERE x.due_s IS DISTINCT FROM y.due_s) = 0,
           format('(c) and (d) got the same %s arrivals.', count(*))
      FROM (SELECT * FROM demo.arrivals WHERE part = 'c') AS x
      FULL JOIN (SELECT * FROM demo.arrivals WHERE part = 'd') AS y USING (n)
    UNION ALL
    /* A tenth of the deadline: what is sent late has that much less time, so it flatters nobody. */
    SELECT 9, sum(arrivals) = sum(accepted) AND max(latest_ms) <= 100 * min(s.deadline_s),
           format('The load was open: all %s jobs accepted, none sent more than %s ms after its time.',
                  sum(arrivals), max(latest_ms))
      FROM demo.figures CROSS JOIN demo.settings AS s) AS claims
 ORDER BY n;
