DELETE FROM pending WHERE subscription = ? AND sequence <= ?
