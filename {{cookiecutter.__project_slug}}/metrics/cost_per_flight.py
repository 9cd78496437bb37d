"""What wrong warnings cost the business: a passenger who is not warned may miss a connection."""

import numpy as np
from numpy.typing import NDArray

TASKS = ("binary",)
HIGHER_IS_BETTER = False

# Assumed, in dollars: rebooking a missed connection, and holding a seat that turns out not to be needed.
MISSED_CONNECTION = 120.0
FALSE_WARNING = 30.0


def cost_per_flight(label: NDArray[np.int64], prediction: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Mean cost in dollars a flight when passengers are warned as soon as it is expected to pay; 0 is perfect."""
    warned = prediction * MISSED_CONNECTION > (1 - prediction) * FALSE_WARNING
    cost = np.where(label == 1, ~warned * MISSED_CONNECTION, warned * FALSE_WARNING)
    return float(weight @ cost / weight.sum())
