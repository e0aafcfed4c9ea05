UPDATE storage_log SET identity = $1 WHERE identity = ''
