UPDATE consumers SET lease = NULL, holder = NULL, leased_until = NULL WHERE name = $1 AND lease = $2
