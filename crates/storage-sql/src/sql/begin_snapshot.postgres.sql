-- The statements last as long as the reader takes. The rows come in the order of an index, or the server would first sort a
-- whole table. The last statement takes the snapshot; BEGIN alone does not.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL enable_sort = off;
SET LOCAL enable_seqscan = off;
SELECT 1;
