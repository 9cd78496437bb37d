"""From sources to snapshots: loaders, warehouse, validation, anonymity, splits, features."""
