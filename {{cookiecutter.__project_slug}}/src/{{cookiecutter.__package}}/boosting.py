"""XGBoost without scikit-learn, which it takes along where it finds it, as MLflow brings it.

For classes in the manner of scikit-learn, which nothing here uses, each process would take almost a second longer to
start, and hold 100 MB more. To use them (XGBClassifier and others), import xgboost in the usual way, not from here.
"""

import sys

__all__ = ["xgboost"]
HIDDEN = "sklearn"

if HIDDEN in sys.modules:
    import xgboost
else:
    sys.modules[HIDDEN] = None  # type: ignore[assignment]
    try:
        import xgboost
    finally:
        del sys.modules[HIDDEN]
