SELECT (SELECT MAX(tick) FROM transactions) - purged_tick FROM storage_log
