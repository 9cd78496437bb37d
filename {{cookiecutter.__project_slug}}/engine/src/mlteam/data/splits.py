"""Which rows belong to which split, as a condition that DuckDB evaluates on a relation or a file."""

import datetime as dt
from typing import get_args

from mlteam.config.spec import Spec
from mlteam.config.splits import MovingSplits, Split, TimeSplits
from mlteam.core.errors import ProjectError, suggest
from mlteam.core.sql import quote_identifier

HASH_BUCKETS = 1_000_000


def build_dataset_condition(spec: Spec, dataset: str) -> str:
    """SQL that is true for the rows of a split or of a dataset that the spec declares.

    Raises:
        ProjectError: There is none of that name.
    """
    if dataset in get_args(Split):
        return build_split_condition(spec, dataset)  # type: ignore[arg-type]
    if dataset not in spec.datasets:
        known = [*get_args(Split), *spec.datasets]
        raise ProjectError(f"there is no dataset {dataset!r}", where=str(spec.path), fix=suggest(dataset, known))
    declared = spec.datasets[dataset]
    return f"({build_split_condition(spec, declared.split)}) and ({declared.where})"


def build_split_condition(spec: Spec, split: Split) -> str:
    """SQL that is true for the rows of a split; no row is in two, and rows of one group are all in the same."""
    splits = spec.splits
    if isinstance(splits, MovingSplits):
        raise ProjectError("the splits move with the rows, and there is no snapshot yet", fix="run `nox -s data`")
    if isinstance(splits, TimeSplits):
        window = getattr(splits, split)
        time = quote_identifier(spec.data.time or "")
        return f"{time} >= date '{window.start}' and {time} < date '{window.until}'"
    # The digest of a text is the same on every machine and in every version, which the engine's own hash is not.
    bucket = f"md5_number_lower(coalesce(cast({quote_identifier(splits.column)} as varchar), '')) % {HASH_BUCKETS}"
    test, validation = round(splits.test * HASH_BUCKETS), round((splits.test + splits.validation) * HASH_BUCKETS)
    low, high = {"test": (0, test), "validation": (test, validation), "train": (validation, HASH_BUCKETS)}[split]
    return f"{bucket} >= {low} and {bucket} < {high}"


def fix_windows(spec: Spec, oldest: dt.date, newest: dt.date) -> Spec:
    """Return the spec with the windows that its splits have for rows of these days.

    Raises:
        ProjectError: No day is left to train on.
    """
    if not isinstance(spec.splits, MovingSplits):
        return spec
    try:
        return spec.model_copy(update={"splits": spec.splits.fix(oldest, newest)})
    except ValueError:
        what = f"the rows run from {oldest} until {newest}: no day is left for the split train"
        raise ProjectError(what, where=str(spec.path), fix="shorten validation or test in [splits]") from None


def describe_dataset(spec: Spec, dataset: str) -> str:
    """Return a split or dataset in words, for messages and reports."""
    if dataset in spec.datasets:
        declared = spec.datasets[dataset]
        rows = f"rows of {describe_dataset(spec, declared.split)} where {declared.where}"
        return f"{dataset}: {f'rows of the file {declared.file}' if declared.file else rows}"
    if dataset not in get_args(Split):
        return f"rows of the file {dataset}"
    splits, split = spec.splits, dataset
    if isinstance(splits, MovingSplits):
        return f"{split} ({getattr(splits, split)})"
    if isinstance(splits, TimeSplits):
        window = getattr(splits, split)
        return f"{split} ({window.start} until {window.until})"
    share = {"test": splits.test, "validation": splits.validation}.get(split, 1 - splits.test - splits.validation)
    return f"{split} ({share:.0%} by the hash of {splits.column})"
