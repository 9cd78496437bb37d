"""What a check says."""

import math
from dataclasses import dataclass
from typing import Literal

from mlteam.evaluation.bootstrap import Estimate

FindingState = Literal["ok", "wrong", "unknown"]


@dataclass(frozen=True)
class Finding:
    """One number beside its limit.

    Attributes:
        check: The check.
        subject: What was looked at, such as a source or a feature.
        value: The number, or None where there is none.
        limit: Its limit.
        state: `unknown` where there is too little to say.
        message: In words.
        estimates: The metric now and at training, with their intervals, of a finding about quality.
    """

    check: str
    subject: str
    value: float | None
    limit: float
    state: FindingState
    message: str
    estimates: tuple[Estimate, Estimate] | None = None


def compare_with_limit(
    check: str,
    subject: str,
    value: float,
    limit: float,
    message: str,
    estimates: tuple[Estimate, Estimate] | None = None,
) -> Finding:
    """Return a number that must not be above its limit; one that is not finite is unknown."""
    if not math.isfinite(value):
        return report_unknown(check, subject, limit, f"not a finite number: {message}")
    return Finding(check, subject, value, limit, "wrong" if value > limit else "ok", message, estimates)


def report_unknown(check: str, subject: str, limit: float, why: str) -> Finding:
    """Nothing can be said, and why."""
    return Finding(check, subject, None, limit, "unknown", why)
