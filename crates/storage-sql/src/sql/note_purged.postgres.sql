UPDATE storage_log SET purged_tick = $1, purged_ordinal = CAST($2 AS bigint)
