SELECT epoch, number FROM storage_log FOR UPDATE
