"""Pictures -> vectors: backbones and their weights, descriptors, the worker."""
