SELECT has_function_privilege('pg_control_system()', 'execute'),
       (SELECT CAST(oid AS text) FROM pg_database WHERE datname = current_database())
           || ':' || CAST(CAST(to_regclass('transactions') AS oid) AS text)
