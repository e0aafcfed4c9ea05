-- It would write and finds nothing to write: a server that takes no writes refuses it all the same.
DELETE FROM transactions WHERE false
