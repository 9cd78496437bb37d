"""Models, baselines, attribution, training and tuning.

A pipeline file names a model as `mlteam.modeling:XGBoost`. Each model is imported on first use: no command waits for
a library that it does not use.
"""

import importlib
from typing import Any

MODELS = {
    "GroupMean": "baseline",
    "LightGBM": "lightgbm_model",
    "Linear": "linear",
    "SklearnModel": "sklearn_model",
    "XGBoost": "boosted_trees",
}


def __getattr__(name: str) -> Any:
    """Import a model on first use (PEP 562)."""
    if name not in MODELS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{MODELS[name]}"), name)


def __dir__() -> list[str]:
    """List the models as well, imported or not."""
    return [*globals(), *MODELS]
