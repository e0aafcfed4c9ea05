SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
LOCK TABLE transactions IN EXCLUSIVE MODE;
