"""Tunes CPython's cyclic garbage collector.

By default it runs after each 700 new objects. The records of one poll are many times that, and none of them is garbage
yet. Objects without cycles are freed at once by reference counting in any case.
"""

import gc

#: New objects before a collection of the youngest generation, then collections before the next older generation.
#: Measured in docs/explanation/performance.md.
THRESHOLDS = (100_000, 20, 50)


def tune_collector() -> None:
    """Collect less often in this process. Call it once, at startup."""
    gc.set_threshold(*THRESHOLDS)
