"""How often what was predicted happened, with intervals."""

from dataclasses import dataclass

import numpy as np

from mlteam.data.features import Floats, Labels

CALIBRATION_BINS = 10


@dataclass(frozen=True)
class CalibrationBin:
    """Rows with similar predictions.

    Attributes:
        predicted: Their mean prediction.
        happened: Share of label 1 among them.
        low: Lower end of the 95 % Wilson interval of that share.
        high: Its upper end.
    """

    predicted: float
    happened: float
    low: float
    high: float


def compute_calibration(label: Labels, scores: Floats) -> list[CalibrationBin]:
    """Compare predicted probabilities with what happened, in ten bins of equal size.

    Args:
        label: 0 or 1, shape (rows,).
        scores: Probabilities of label 1, shape (rows,).

    Returns:
        One entry for each bin, the lowest predictions first; fewer than ten for fewer rows.
    """
    from scipy import stats

    bins = []
    for members in np.array_split(np.argsort(scores, kind="stable"), min(CALIBRATION_BINS, len(label))):
        interval = stats.binomtest(int(label[members].sum()), len(members)).proportion_ci(0.95, method="wilson")
        predicted, happened = float(scores[members].mean()), float(label[members].mean())
        bins.append(CalibrationBin(predicted, happened, float(interval.low), float(interval.high)))
    return bins
