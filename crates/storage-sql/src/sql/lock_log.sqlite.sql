SELECT 1 FROM storage_log
