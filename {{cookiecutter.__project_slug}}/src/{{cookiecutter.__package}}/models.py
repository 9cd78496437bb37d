"""Models: one class per kind of model, named by `factory` in a pipeline file; engine/README.md has the contract."""
