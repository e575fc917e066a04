"""The sample gallery: cats and dogs drawn by code, so that the demo runs without a download and without a photographer.

Nothing is imported here; the doors are `imgsearch.sample.gallery` and `imgsearch.sample.animal.breeds`.
"""
