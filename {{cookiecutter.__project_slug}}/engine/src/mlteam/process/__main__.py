"""`python -m mlteam.process`: the process checker, also where the engine is not installed."""

import sys

from mlteam.process.check import main

sys.exit(main())
