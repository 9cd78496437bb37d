"""The gates of a launch: each compares one fresh number with its limit; a number that is not finite fails."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlteam.config.operations import Gates, Margin
from mlteam.evaluation.bootstrap import Estimate
from mlteam.evaluation.evaluator import SliceGain

DEFAULT_MARGIN_SHARE = 0.01
LINEAR = "mlteam.modeling:Linear"


@dataclass(frozen=True)
class Evidence:
    """What is known about a version that shall be launched.

    Attributes:
        metric: The primary metric.
        higher_is_better: Which way of it is good.
        value: The metric on the test rows of the newest snapshot.
        look: How many versions were evaluated on these rows until this one was, itself included.
        confidence: Of all intervals here, higher with each look.
        seen_rows: How many of these rows the version was trained on.
        gain_over_baseline: How much better it is than its baseline on the same rows.
        gain_over_linear: How much better it is than a linear model of the same training rows; None without one.
        gain_over_champion: How much better it is than the best champion so far on the same rows; None without one.
        champion_version: The number of that champion, or None.
        reference_value: The metric of that champion, or of the baseline without one.
        slices: How much better it is than that champion, or the baseline, on each slice.
        calibration_error: As `[gates]` says.
        calibration_chance: What a perfectly calibrated model would show on as many rows, but for one time in twenty.
        latency_ms: 99th percentile of answering one row, in milliseconds.
        snapshot_days: Days since the snapshot of the training was taken.
        privacy_finding: What the check of the anonymization found, or nothing.
        leak_finding: Which features use what was not yet known, or nothing.
        leak_message: What time travel compared.
        process_finding: What the process check found, or nothing.
        commit: The commit that it was trained at, or nothing.
        dirty: Whether files differed from that commit.
    """

    metric: str
    higher_is_better: bool
    value: Estimate
    look: int
    confidence: float
    seen_rows: int
    gain_over_baseline: Estimate
    gain_over_linear: Estimate | None
    gain_over_champion: Estimate | None
    champion_version: int | None
    reference_value: float
    slices: Sequence[SliceGain]
    calibration_error: float
    calibration_chance: float
    latency_ms: float
    snapshot_days: float
    privacy_finding: str
    leak_finding: str
    leak_message: str
    process_finding: str
    commit: str
    dirty: bool


@dataclass(frozen=True)
class GateResult:
    """One decision.

    Attributes:
        name: What was looked at.
        passed: Whether it may pass.
        message: The number and its limit.
        quality: Whether it is about the answers, which a shadow does not give.
    """

    name: str
    passed: bool
    message: str
    quality: bool = True


def evaluate_gates(limits: Gates, found: Evidence) -> list[GateResult]:
    """Return every gate, in the order in which people ask."""
    return [
        _check_floor(limits, found),
        GateResult("look", True, f"{found.look} at these test rows, so intervals hold {100 * found.confidence:.4g} %"),
        GateResult("unseen rows", found.seen_rows == 0, f"was trained on {found.seen_rows:,} of the test rows"),
        _check_gain_over_baseline(found),
        _check_gain_over_linear(limits, found),
        _check_gain_over_champion(limits, found),
        _check_slices(limits, found),
        _check_calibration(limits, found),
        _check_limit("latency", found.latency_ms, limits.latency_ms, " ms", quality=False),
        _check_limit("snapshot age", found.snapshot_days, limits.snapshot_days, " days"),
        GateResult(
            "anonymization",
            not found.privacy_finding,
            found.privacy_finding or "no personal data in the snapshot",
            quality=False,
        ),
        GateResult("time travel", not found.leak_finding, found.leak_finding or found.leak_message),
        GateResult(
            "process", not found.process_finding, found.process_finding or "process check passes at the team's stage"
        ),
        _check_code(found),
    ]


def _check_floor(limits: Gates, found: Evidence) -> GateResult:
    name = found.metric
    worst = found.value.low if found.higher_is_better else found.value.high
    if not _is_finite(found.value):
        return GateResult(name, False, found.value.format())
    if limits.floor is None:
        return GateResult(name, True, f"{found.value.format()}, no floor is set")
    passed = worst is not None and (worst >= limits.floor if found.higher_is_better else worst <= limits.floor)
    sign = "≥" if found.higher_is_better else "≤"
    return GateResult(name, passed, f"{found.value.format()}, must be {sign} {limits.floor:g} with its whole interval")


def _check_gain_over_baseline(found: Evidence) -> GateResult:
    gain = found.gain_over_baseline
    passed = _is_finite(gain) and gain.low is not None and gain.low > 0
    return GateResult("gain over baseline", passed, f"{gain.format(signed=True)}, must be > 0 with its whole interval")


def _check_gain_over_linear(limits: Gates, found: Evidence) -> GateResult:
    gain, name = found.gain_over_linear, "gain over linear model"
    if gain is None:
        return GateResult(name, True, "the version was registered without one")
    margin = _get_margin(limits, (found.value.value or 0.0) if _is_finite(found.value) else 0.0)
    passed = _is_finite(gain) and gain.high is not None and gain.high >= -margin
    message = f"{gain.format(signed=True)}, must not be < -{margin:.4g} with its whole interval"
    return GateResult(name, passed, message if passed else f'{message}; or train it: factory = "{LINEAR}"')


def _get_margin(limits: Gates, metric: float) -> float:
    """Return how much may be lost: the margin of the gate of the champion, or a share of a metric."""
    if isinstance(limits.champion, Margin):
        return limits.champion.margin
    return DEFAULT_MARGIN_SHARE * abs(metric)


def _check_gain_over_champion(limits: Gates, found: Evidence) -> GateResult:
    gain, name = found.gain_over_champion, "gain over champion"
    if gain is None:
        return GateResult(name, True, "there is no champion yet")
    message = f"{gain.format(signed=True)} over version {found.champion_version}"
    if not _is_finite(gain) or gain.low is None or gain.high is None:
        return GateResult(name, False, message)
    if limits.champion == "better":
        return GateResult(name, gain.low > 0, f"{message}, must be > 0 with its whole interval")
    margin = _get_margin(limits, found.reference_value)
    return GateResult(name, gain.low > -margin, f"{message}, must be > -{margin:.4g} with its whole interval")


def _check_slices(limits: Gates, found: Evidence) -> GateResult:
    allowed = limits.slice_loss * abs(found.reference_value)
    rival = "the baseline" if found.champion_version is None else f"version {found.champion_version}"
    broken, worst = list(_list_worse_slices(found.slices, allowed)), _find_worst_slice(found.slices)
    defined = sum(part.gain.low is not None for part in found.slices)
    message = f"{defined} of {len(found.slices)} slices compared with {rival}, none may lose over {allowed:.4f}"
    if broken:
        message = f"{'; '.join(broken[:3])}; over {allowed:.4f} worse than {rival}"
    elif worst is not None:
        message += f"; lowest {worst.column} = {worst.value} {worst.gain.format(signed=True)}"
    return GateResult("slices", not broken and math.isfinite(allowed), message)


def _list_worse_slices(slices: Sequence[SliceGain], allowed: float) -> Iterator[str]:
    for part in slices:
        if part.gain.low is None:
            continue  # too few rows, classes or days; the gate says how many slices were compared
        if not _is_finite(part.gain) or (part.gain.high is not None and part.gain.high < -allowed):
            yield f"{part.column} = {part.value}: {part.gain.format(signed=True)} on {part.rows:,} rows"


def _find_worst_slice(slices: Sequence[SliceGain]) -> SliceGain | None:
    return min((part for part in slices if part.gain.low is not None), key=lambda p: p.gain.value or 0, default=None)


def _check_calibration(limits: Gates, found: Evidence) -> GateResult:
    limit = limits.calibration_error + found.calibration_chance
    passed = math.isfinite(found.calibration_error) and found.calibration_error <= limit
    allowed = f"{limits.calibration_error:g} + {found.calibration_chance:.2g} by chance"
    message = f"{found.calibration_error:.3g}, must be ≤ {allowed}"
    return GateResult("calibration error", passed, message)


def _check_limit(name: str, value: float, limit: float, unit: str, *, quality: bool = True) -> GateResult:
    passed = math.isfinite(value) and value <= limit
    return GateResult(name, passed, f"{value:.3g}{unit}, must be ≤ {limit:g}{unit}", quality)


def _check_code(found: Evidence) -> GateResult:
    if not found.commit:
        return GateResult("code", False, "trained before the first commit: commit and train again")
    if found.dirty:
        return GateResult(
            "code", False, f"trained with uncommitted changes on {found.commit[:12]}: commit and train again"
        )
    return GateResult("code", True, f"trained at commit {found.commit[:12]}")


def _is_finite(estimate: Estimate) -> bool:
    numbers = (estimate.value, estimate.low, estimate.high)
    return all(number is not None and math.isfinite(number) for number in numbers)
