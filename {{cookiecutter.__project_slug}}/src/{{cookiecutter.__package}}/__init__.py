"""The team's own code: loaders and models that pipeline files and sources.yml name."""
