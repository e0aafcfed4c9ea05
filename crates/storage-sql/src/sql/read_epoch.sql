SELECT epoch FROM storage_log
