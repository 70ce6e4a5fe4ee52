"""The parts of the supernova simulator: cosmology, dust, spectra, populations, surveys, selection. NumPy only."""
