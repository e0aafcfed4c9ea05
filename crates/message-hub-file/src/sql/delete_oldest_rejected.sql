DELETE FROM rejected WHERE id <= ?
