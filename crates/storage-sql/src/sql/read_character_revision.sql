SELECT revision FROM characters WHERE id = $1
