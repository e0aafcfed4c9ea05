DELETE FROM transactions WHERE id = ANY(CAST($1 AS uuid[])) RETURNING 1
