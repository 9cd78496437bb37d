"""From upstream rows to a judged model.

Data flows one way, spec, upstream, warehouse, snapshot, features, model, evaluation, registry, report, and a module
imports only what stands to its left; `steps` and `cli` stand above all.
"""
