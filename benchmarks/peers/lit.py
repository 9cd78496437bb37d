"""LitServe: `python lit.py PORT`, with its faster queue and no access log."""

import sys
from typing import Any

import litserve
from booster import Served


class Lit(litserve.LitAPI):
    """Answers `/predict`."""

    def setup(self, _: str) -> None:
        """Read the booster once."""
        self.served = Served()

    def predict(self, row: dict[str, Any]) -> float:
        """The probability for one example."""
        return self.served.predict(row)


if __name__ == "__main__":
    server = litserve.LitServer(Lit(), accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False, generate_client_file=False
    )
