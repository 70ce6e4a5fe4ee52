"""Files and tables in and out; no networks."""
