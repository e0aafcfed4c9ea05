SELECT name, position FROM consumers FOR SHARE
