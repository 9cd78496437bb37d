"""May a version answer? Each gate compares one fresh number with its limit; a number that is not finite is refused."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .compare import SliceGain
from .metrics import Estimate
from .operation import Gates


@dataclass(frozen=True)
class Evidence:
    """What is known about a version that shall be launched.

    Attributes:
        metric: The primary metric.
        higher_is_better: Which way of it is good.
        value: The metric on the test rows of the newest snapshot.
        seen: How many of these rows the version has learned from.
        over_baseline: How much better it is than its baseline on the same rows.
        over_champion: How much better it is than the champion on the same rows; None without a champion.
        rival: The champion's number, or None.
        rival_value: The metric of the champion, or of the baseline without one.
        slices: How much better it is than the champion, or the baseline, on each slice.
        calibration_error: As `[gates]` says.
        latency_ms: 99th percentile of answering one row, in milliseconds.
        snapshot_days: Days since the snapshot of the training was taken.
        personal: What the check of the anonymization found, or nothing.
        process: What the process check found, or nothing.
        commit: The commit that it was trained at, or nothing.
        dirty: Whether files differed from that commit.
    """

    metric: str
    higher_is_better: bool
    value: Estimate
    seen: int
    over_baseline: Estimate
    over_champion: Estimate | None
    rival: int | None
    rival_value: float
    slices: Sequence[SliceGain]
    calibration_error: float
    latency_ms: float
    snapshot_days: float
    personal: str
    process: str
    commit: str
    dirty: bool


@dataclass(frozen=True)
class Gate:
    """One decision.

    Attributes:
        name: What was looked at.
        passed: Whether it may pass.
        said: The number and its limit.
        quality: Whether it is about the answers, which a shadow does not give.
    """

    name: str
    passed: bool
    said: str
    quality: bool = True


def decide(limits: Gates, found: Evidence) -> list[Gate]:
    """Every gate, in the order in which people ask."""
    return [
        _floor(limits, found),
        Gate("unseen rows", found.seen == 0, f"has learned from {found.seen:,} of the test rows"),
        _baseline(found),
        _champion(limits, found),
        _slices(limits, found),
        _at_most("calibration error", found.calibration_error, limits.calibration_error, ""),
        _at_most("latency", found.latency_ms, limits.latency_ms, " ms", quality=False),
        _at_most("snapshot age", found.snapshot_days, limits.snapshot_days, " days"),
        Gate("anonymization", not found.personal, found.personal or "no personal data in the snapshot", quality=False),
        Gate("process", not found.process, found.process or "process check passes at the team's stage"),
        _code(found),
    ]


def _floor(limits: Gates, found: Evidence) -> Gate:
    name = found.metric
    worst = found.value.low if found.higher_is_better else found.value.high
    if not _finite(found.value):
        return Gate(name, False, found.value.text())
    if limits.floor is None:
        return Gate(name, True, f"{found.value.text()}, no floor is set")
    passed = worst is not None and (worst >= limits.floor if found.higher_is_better else worst <= limits.floor)
    sign = "≥" if found.higher_is_better else "≤"
    return Gate(name, passed, f"{found.value.text()}, must be {sign} {limits.floor:g} with its whole interval")


def _baseline(found: Evidence) -> Gate:
    gain = found.over_baseline
    passed = _finite(gain) and gain.low is not None and gain.low > 0
    return Gate("gain over baseline", passed, f"{gain.text(signed=True)}, must be > 0 with its whole interval")


def _champion(limits: Gates, found: Evidence) -> Gate:
    gain, name = found.over_champion, "gain over champion"
    if gain is None:
        return Gate(name, True, "there is no champion yet")
    said = f"{gain.text(signed=True)} over version {found.rival}"
    if not _finite(gain) or gain.low is None or gain.high is None:
        return Gate(name, False, said)
    if limits.champion == "better":
        return Gate(name, gain.low > 0, f"{said}, must be > 0 with its whole interval")
    return Gate(name, gain.high >= 0, f"{said}, must reach 0")


def _slices(limits: Gates, found: Evidence) -> Gate:
    allowed = limits.slice_loss * abs(found.rival_value)
    rival = "the baseline" if found.rival is None else f"version {found.rival}"
    broken, worst = list(_broken(found.slices, allowed)), _worst(found.slices)
    defined = sum(part.gain.value is not None for part in found.slices)
    said = f"{defined} of {len(found.slices)} slices compared with {rival}, none may lose over {allowed:.4f}"
    if broken:
        said = f"{'; '.join(broken[:3])}; over {allowed:.4f} worse than {rival}"
    elif worst is not None:
        said += f"; lowest {worst.column} = {worst.value} {worst.gain.text(signed=True)}"
    return Gate("slices", not broken and math.isfinite(allowed), said)


def _broken(slices: Sequence[SliceGain], allowed: float) -> Iterator[str]:
    for part in slices:
        if part.gain.value is None:
            continue  # rows of one class have no such metric; the gate says how many slices were compared
        if not _finite(part.gain) or (part.gain.high is not None and part.gain.high < -allowed):
            yield f"{part.column} = {part.value}: {part.gain.text(signed=True)} on {part.rows:,} rows"


def _worst(slices: Sequence[SliceGain]) -> SliceGain | None:
    return min((part for part in slices if part.gain.value is not None), key=lambda p: p.gain.value or 0, default=None)


def _at_most(name: str, value: float, limit: float, unit: str, *, quality: bool = True) -> Gate:
    passed = math.isfinite(value) and value <= limit
    return Gate(name, passed, f"{value:.3g}{unit}, must be ≤ {limit:g}{unit}", quality)


def _code(found: Evidence) -> Gate:
    if not found.commit:
        return Gate("code", False, "trained before the first commit: commit and train again")
    if found.dirty:
        return Gate("code", False, f"trained with uncommitted changes on {found.commit[:12]}: commit and train again")
    return Gate("code", True, f"trained at commit {found.commit[:12]}")


def _finite(estimate: Estimate) -> bool:
    numbers = (estimate.value, estimate.low, estimate.high)
    return all(number is not None and math.isfinite(number) for number in numbers)
