"""Data flows one way: spec, upstream, warehouse, snapshot, features, model, evaluation, report; `cli` stands above all."""
