-- Jobs, their images, the outbox of messages not sent yet, and the outputs that Postgres keeps.
-- Keys are UUID version 7 made by the programs, so that new rows stand at the end of each index.

CREATE TABLE jobs (
    id           uuid PRIMARY KEY,
    version      bigint      NOT NULL DEFAULT 1,  -- raised by each change under the row's lock; the ETag
    status       text        NOT NULL DEFAULT 'queued'
                 CHECK (status IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
    priority     text        NOT NULL CHECK (priority IN ('interactive', 'bulk')),
    created_at   timestamptz NOT NULL,
    started_at   timestamptz,
    completed_at timestamptz,
    failed_at    timestamptz,
    total        integer     NOT NULL CHECK (total > 0),
    queued       integer     NOT NULL,
    running      integer     NOT NULL DEFAULT 0,
    completed    integer     NOT NULL DEFAULT 0,
    failed       integer     NOT NULL DEFAULT 0,
    cancelled    integer     NOT NULL DEFAULT 0,
    metadata     jsonb,
    CHECK (queued + running + completed + failed + cancelled = total)
);

CREATE TABLE images (
    id           uuid PRIMARY KEY,
    job          uuid        NOT NULL REFERENCES jobs ON DELETE CASCADE,
    position     integer     NOT NULL,            -- in the job's list, from 0
    ref          text,                            -- the client's own name for it
    input        text        NOT NULL,
    parameters   jsonb       NOT NULL,            -- sizes, fit, format, outputs: as in the request
    status       text        NOT NULL DEFAULT 'queued'
                 CHECK (status IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
    attempts     integer     NOT NULL DEFAULT 0,  -- begun
    retried      integer     NOT NULL DEFAULT 0,  -- attempts that ended in a passing failure
    created_at   timestamptz NOT NULL,
    started_at   timestamptz,                     -- of the last attempt
    completed_at timestamptz,
    failed_at    timestamptz,
    result       jsonb,
    error        jsonb,                           -- of the end; while queued again, of the last attempt
    UNIQUE (job, position)
);

-- What has not ended: few rows among many, for the queries of operations and of requeueing.
CREATE INDEX images_unended ON images (created_at) WHERE status IN ('queued', 'running');
CREATE INDEX images_failed ON images (failed_at) WHERE status = 'failed';
CREATE INDEX images_completed ON images (completed_at) WHERE status = 'completed';

-- One row: some images of one job that are to be published. It goes once every message is confirmed.
CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job         uuid        NOT NULL REFERENCES jobs ON DELETE CASCADE,
    images      uuid[]      NOT NULL,
    due_at      timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz,                      -- a web process is publishing it until then
    deferred    integer     NOT NULL DEFAULT 0    -- times it was not taken: its delay grows with it
);

CREATE INDEX outbox_due ON outbox (due_at);
CREATE INDEX outbox_job ON outbox (job); -- for requeueing, and for deleting jobs

CREATE TABLE outputs (
    name         text PRIMARY KEY,                -- image id and 16 hex digits of the SHA-256 of its bytes
    content_type text        NOT NULL,
    bytes        bytea       NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);

-- Compressed already: trying again only costs time.
ALTER TABLE outputs ALTER COLUMN bytes SET STORAGE EXTERNAL;
