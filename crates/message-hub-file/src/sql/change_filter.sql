UPDATE subscriptions SET filter = ? WHERE id = ?
