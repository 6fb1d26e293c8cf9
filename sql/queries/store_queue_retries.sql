-- One outbox row for each image that is to be tried again, due after its delay.
-- $1 json: [{job, image, delay_ms}].
INSERT INTO outbox (job, images, due_at)
SELECT job, ARRAY[image], now() + delay_ms * interval '1 millisecond'
  FROM json_to_recordset($1::json) AS r (job uuid, image uuid, delay_ms bigint)
