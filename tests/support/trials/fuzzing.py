"""Fuzzing: a short run in every test run, a long one when asked for."""

import os
import time
from collections.abc import Callable

VARIABLE = "KHALA_FUZZ_SECONDS"


def fuzz(run: Callable[[], None]) -> None:
    """Runs once, and again with fresh examples until KHALA_FUZZ_SECONDS have passed, if set."""
    deadline = time.monotonic() + float(os.environ.get(VARIABLE, "0"))
    runs = 1
    run()
    while time.monotonic() < deadline:
        run()
        runs += 1
    if runs > 1:
        print(f"{runs} runs")
