"""Deep learning for astronomy that says how sure it is."""
