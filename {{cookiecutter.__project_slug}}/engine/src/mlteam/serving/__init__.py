"""The HTTP service. It reads a bundle: no registry, no warehouse, no launch."""
