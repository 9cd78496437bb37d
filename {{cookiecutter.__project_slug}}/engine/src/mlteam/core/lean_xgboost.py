"""XGBoost without scikit-learn, which it takes along where it finds it, as MLflow brings it.

For classes in the manner of scikit-learn, which nothing here uses, each process would take almost a second longer to
start, and hold 100 MB more. To use them (XGBClassifier and others), import xgboost in the usual way, not from here.
"""

import sys

BLOCKED_MODULE = "sklearn"

if BLOCKED_MODULE in sys.modules:
    import xgboost
else:
    sys.modules[BLOCKED_MODULE] = None  # type: ignore[assignment]
    try:
        import xgboost
    finally:
        del sys.modules[BLOCKED_MODULE]

__all__ = ["xgboost"]
