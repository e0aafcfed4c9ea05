SELECT 1 FROM consumers WHERE name = $1 AND lease = $2
