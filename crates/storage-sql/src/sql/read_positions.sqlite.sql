SELECT name, position FROM consumers
