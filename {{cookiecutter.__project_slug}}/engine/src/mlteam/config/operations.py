"""What a pipeline file may say about its operation: `[gates]`, `[serving]`, `[monitoring]`."""

from typing import Literal

from pydantic import Field, field_validator

from mlteam.config.settings import Settings


class Margin(Settings):
    """How much worse than the champion a version may be and still be launched.

    Attributes:
        margin: In the unit of the primary metric.
    """

    margin: float = Field(gt=0)


class Gates(Settings):
    """What a version must show before it may answer.

    Attributes:
        floor: What the primary metric must reach with the worse end of its interval, if anything is demanded.
        champion: `{ margin = 0.01 }`: worse than the best champion so far by less than the margin, with the whole
            interval of the gain (a test of non-inferiority); `better`: better, with the whole interval. By default a
            margin of one percent of that champion's primary metric.
        slice_loss: Share of the champion's primary metric that a slice may lose above sampling noise.
        calibration_error: Most that predictions may be off on average: probabilities from frequencies, or the mean
            of a regression from the true mean, in standard deviations of the label.
        latency_ms: Most that the slowest of 100 answers to one row may take, in milliseconds.
        snapshot_days: Most days since the snapshot was taken that the version was trained on.
    """

    floor: float | None = None
    champion: Literal["better"] | Margin | None = None
    slice_loss: float = Field(default=0.05, ge=0)
    calibration_error: float = Field(default=0.1, gt=0)
    latency_ms: float = Field(default=50, gt=0)
    snapshot_days: float = Field(default=30, gt=0)

    @field_validator("champion", mode="before")
    @classmethod
    def _name_the_margin(cls, champion: object) -> object:
        if champion == "not_worse":
            raise ValueError('"not_worse" let small losses pass; write champion = { margin = 0.01 }')
        return champion


class Serving(Settings):
    """Limits of the service.

    Attributes:
        ranges: By feature, the least and the greatest number that is answered, where the snapshot's are too narrow.
        batch_rows: Most rows of one request.
        body_bytes: Most bytes of one request.
        log_megabytes: Most that logged predictions take on disk; the oldest are deleted.
    """

    ranges: dict[str, tuple[float, float]] = Field(default_factory=dict)
    batch_rows: int = Field(default=1_000, ge=1)
    body_bytes: int = Field(default=1_000_000, ge=1_000)
    log_megabytes: int = Field(default=256, ge=1)

    @field_validator("ranges")
    @classmethod
    def _run_upward(cls, ranges: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for name, (low, high) in ranges.items():
            if not low < high:
                raise ValueError(f"{name} runs from {low:g} to {high:g}: say the lesser number first")
        return ranges


class Monitoring(Settings):
    """When something is wrong.

    Attributes:
        days: Number of days whose served rows are checked.
        fewest_rows: With fewer served rows nothing is said about them.
        outcome_days: Number of days whose answers are compared with their outcomes.
        outcome_delay_days: Days after which an answer should have its outcome.
        coverage: Least share of the answers of that age that have one.
        drift: Population stability index, beyond what chance gives, from which a feature or the prediction has drifted.
        missing: Difference of the share of missing values from the training's.
        volume: Times as many or as few rows as before.
        skew: Share of the rows that may be served with other features than the warehouse has.
        age_days: Most days since the newest row that the model was trained on, or since the training where rows have
            no time.
        silence_hours: Most hours without an answer.
    """

    days: float = Field(default=7, gt=0)
    fewest_rows: int = Field(default=500, ge=50)
    outcome_days: float = Field(default=30, gt=0)
    outcome_delay_days: float = Field(default=7, gt=0)
    coverage: float = Field(default=0.5, ge=0, le=1)
    drift: float = Field(default=0.2, gt=0)
    missing: float = Field(default=0.05, gt=0)
    volume: float = Field(default=2, gt=1)
    skew: float = Field(default=0.001, gt=0)
    age_days: float = Field(default=90, gt=0)
    silence_hours: float = Field(default=24, gt=0)
