DELETE FROM transactions WHERE id IN (SELECT unhex(value) FROM json_each($1)) RETURNING 1
