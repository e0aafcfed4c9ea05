SELECT 1::bigint WHERE to_regclass($1::text) IS NOT NULL
