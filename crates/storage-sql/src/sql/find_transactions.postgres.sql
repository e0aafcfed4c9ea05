-- Which of these ids were committed before.
SELECT id FROM transactions WHERE id = ANY ($1)
