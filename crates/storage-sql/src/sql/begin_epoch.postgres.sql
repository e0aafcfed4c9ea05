UPDATE storage_log
SET epoch = $1, number = number + 1, identity = $2, purged_tick = 0, purged_ordinal = 0
