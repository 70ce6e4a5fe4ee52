"""The parts of the supernova simulator: sky, spectra, kinds, surveys, selection. NumPy only."""
