"""Which rows belong to which split, as a condition that DuckDB evaluates on a relation or a file."""

from .privacy import quoted
from .spec import Spec, Split, TimeSplits

PARTS = 1_000_000


def condition(spec: Spec, split: Split) -> str:
    """SQL that is true for the rows of a split; no row is in two, and rows of one group are all in the same."""
    splits = spec.splits
    if isinstance(splits, TimeSplits):
        window = getattr(splits, split)
        time = quoted(spec.data.time or "")
        return f"{time} >= date '{window.start}' and {time} < date '{window.until}'"
    # The digest of a text is the same on every machine and in every version, which the engine's own hash is not.
    bucket = f"md5_number_lower(coalesce(cast({quoted(splits.column)} as varchar), '')) % {PARTS}"
    test, validation = round(splits.test * PARTS), round((splits.test + splits.validation) * PARTS)
    low, high = {"test": (0, test), "validation": (test, validation), "train": (validation, PARTS)}[split]
    return f"{bucket} >= {low} and {bucket} < {high}"


def describe(spec: Spec, split: Split) -> str:
    """The split in words, for messages and reports."""
    splits = spec.splits
    if isinstance(splits, TimeSplits):
        window = getattr(splits, split)
        return f"{split} ({window.start} until {window.until})"
    share = {"test": splits.test, "validation": splits.validation}.get(split, 1 - splits.test - splits.validation)
    return f"{split} ({share:.0%} by the hash of {splits.column})"
