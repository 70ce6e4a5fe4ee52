"""`radio`: radio images, with or without infrared, to sources with boxes, morphologies and positions."""
