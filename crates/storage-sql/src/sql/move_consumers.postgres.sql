UPDATE consumers SET position = $1
