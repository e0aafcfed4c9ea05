SELECT position FROM consumers FOR UPDATE
