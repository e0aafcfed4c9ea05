SELECT CAST(reltuples AS bigint) FROM pg_class WHERE oid = to_regclass('transactions')
