UPDATE storage_log SET purged_tick = $1
