"""How often test rows were looked at: each version that was evaluated on them is one more chance to be lucky.

The level of the first look is that of `[evaluation] confidence`; later ones share as much again, less each time, so
that all looks together are wrong at most twice as often as one, however many there are and whichever is chosen: alpha
spending (Lan and DeMets 1983, doi:10.1093/biomet/70.3.659) with the weights 1 / (k (k - 1)), which sum to one.
"""

import datetime as dt

from mlteam.config.spec import Spec
from mlteam.data.digest import shorten_digest
from mlteam.registry.tracking import create_mlflow_client

TAG = "looked_at"


def record_look(spec: Spec, number: int, snapshot: str) -> int:
    """Record that a version was evaluated on the test rows of a snapshot; a second time changes nothing.

    Args:
        spec: The pipeline.
        number: The version.
        snapshot: Digest of the snapshot.

    Returns:
        Which look it was, counted from 1.
    """
    tracking, tag = create_mlflow_client(), f"{TAG}.{shorten_digest(snapshot)}"
    looks = _list_looks(spec, tag)
    if number not in looks:
        now = dt.datetime.now(dt.UTC).isoformat()
        tracking.set_model_version_tag(spec.name, str(number), tag, now)
        looks = [*looks, number]
    return looks.index(number) + 1


def _list_looks(spec: Spec, tag: str) -> list[int]:
    """Return the versions that were looked at, the first one first."""
    found = create_mlflow_client().search_model_versions(f"name = '{spec.name}'", max_results=10_000)
    return [number for _, number in sorted((v.tags[tag], int(v.version)) for v in found if tag in v.tags)]


def compute_confidence(confidence: float, look: int) -> float:
    """Return the confidence that a look has to reach.

    Args:
        confidence: That of the first look.
        look: Which one it is, counted from 1.
    """
    return 1 - (1 - confidence) / max(look * (look - 1), 1)
