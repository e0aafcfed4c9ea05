SELECT epoch, identity FROM storage_log
