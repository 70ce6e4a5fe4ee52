"""Files of any format: found in folders, globs and archives, opened as tables, whatever they hold."""
