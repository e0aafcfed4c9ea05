INSERT INTO consumers (name, position) VALUES ($1, '') ON CONFLICT DO NOTHING
