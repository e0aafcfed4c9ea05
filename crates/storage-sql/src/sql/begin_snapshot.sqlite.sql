-- The first read takes the snapshot; BEGIN alone does not.
BEGIN;
SELECT 1 FROM sqlite_master LIMIT 1;
