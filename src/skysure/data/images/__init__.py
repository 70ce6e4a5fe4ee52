"""Images of single objects: FITS files with noise, mask and PSF, and cutouts of mosaics by position."""
