SELECT fingerprint, outcome, news, tick FROM transactions WHERE id = $1
