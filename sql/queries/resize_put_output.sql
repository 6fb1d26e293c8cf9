-- Keeps one output. Its name stands for its bytes, so one that is there already is this one.
-- $1 text: name, $2 text: content type, $3 bytea. Served by outputs_pkey.
INSERT INTO outputs (name, content_type, bytes) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING
