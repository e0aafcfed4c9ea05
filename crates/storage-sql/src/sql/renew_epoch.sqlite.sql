UPDATE storage_log SET epoch = $1 WHERE epoch = $2 RETURNING 1
