-- One slice of an output. $1: its name; $2: the slice's first byte, from 0; $3: bytes, at most.
-- Gives the size of the whole, and the slice. The bytes are kept uncompressed, so that only the
-- slice itself is read. By outputs_pkey.
SELECT octet_length(bytes), substring(bytes FROM $2::int + 1 FOR $3::int)
FROM outputs WHERE name = $1
