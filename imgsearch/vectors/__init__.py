"""Vectors of a gallery: spaces, engines that find the nearest, what distances mean."""
