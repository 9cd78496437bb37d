"""The rows of two versions: the same ones, also where two pipelines have tables of their own."""

import pyarrow as pa
import pyarrow.compute as pc

from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import datasets, features, snapshot
from mlteam.data.features import EvaluationRows
from mlteam.registry.versions import RegisteredVersion

Pair = tuple[EvaluationRows, EvaluationRows]


def load_shared_rows(
    specs: tuple[Spec, Spec], versions: tuple[RegisteredVersion, RegisteredVersion], name: str
) -> Pair:
    """Return the same rows for two versions of different pipelines, each with its own features.

    The rows of a split are those that both pipelines have in it, found by their keys, in the order of the second.

    Args:
        specs: Today's, of the first pipeline and of the second.
        versions: One of each.
        name: A split, or a file that has the features of both.

    Raises:
        ProjectError: The two have no such row in common or other labels for them, or the name is neither of these.
    """
    if datasets.resolve_dataset_file(specs[1], name) is not None:
        taken = snapshot.load_newest(specs[1].name)
        first, second = (datasets.load_evaluation_rows(specs[1], v.schema, taken, name) for v in versions)
        return first, second
    if name in specs[1].datasets:
        fix = "name a split, such as test, or a file"
        raise ProjectError(f"{name} is a dataset of {specs[1].name} alone", where=str(specs[1].path), fix=fix)
    tables = [datasets.read_snapshot_rows(snapshot.load_newest(spec.name), spec, name) for spec in specs]
    keys = [pc.cast(t[s.data.key], pa.string()).combine_chunks() for s, t in zip(specs, tables, strict=True)]
    places = pc.index_in(keys[1], value_set=keys[0])
    shared = pc.is_valid(places)
    chosen = tables[0].take(places.filter(shared)), tables[1].filter(shared)
    where = f"{specs[0].path} and {specs[1].path}"
    if chosen[1].num_rows == 0:
        fix = "give both pipelines the same key and overlapping splits"
        raise ProjectError(f"{specs[0].name} and {specs[1].name} have no row of {name} in common", where=where, fix=fix)
    labels = [pc.cast(t[s.data.label], pa.string()).combine_chunks() for s, t in zip(specs, chosen, strict=True)]
    other = int(pc.sum(pc.not_equal(*labels)).as_py() or 0)
    if other:
        message = f"{other:,} of {len(labels[0]):,} rows have another {specs[1].data.label} in {specs[0].name}"
        raise ProjectError(message, where=where, fix="make both from the same source, then run `nox -s data`")
    first, second = (
        features.build_evaluation_rows(spec, version.schema, name, table)
        for spec, version, table in zip(specs, versions, chosen, strict=True)
    )
    return first, second
