"""Models, baselines, attribution, training and tuning.

A pipeline file names a model as `mlteam.modeling:XGBoost`. Each is imported when it is asked for: no command waits for
a library that it does not use.
"""

import importlib
from typing import Any

MODELS = {"XGBoost": "boosted_trees", "GroupMean": "baseline"}


def __getattr__(name: str) -> Any:
    """Import a model on first use (PEP 562)."""
    if name not in MODELS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{MODELS[name]}"), name)
