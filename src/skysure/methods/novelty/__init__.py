"""Novelty: how unlike the training set an object is, and whether that is unlike enough to say so."""
