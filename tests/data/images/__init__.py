"""Tests of the reading of images."""
