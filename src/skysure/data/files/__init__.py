"""Files of any format: found in folders, globs and archives, and opened as tables; whatever they hold."""
