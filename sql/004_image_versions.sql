-- What changed of a job since a version of it: for streams of events.

-- The job's version that this image last changed with; 0: it never has. It is set by whoever changes an
-- image, under the lock on the job's row, to the version which that transaction gives the job.
ALTER TABLE images ADD COLUMN version bigint NOT NULL DEFAULT 0;
