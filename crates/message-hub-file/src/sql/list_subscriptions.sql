SELECT id, name, filter FROM subscriptions
