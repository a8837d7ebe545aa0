"""How often Python looks for garbage that refers to itself.

Its default is after each 700 objects, which one poll's records are many times over, and none of them is garbage yet.
Whatever does not refer to itself is freed at once, by its count of references, as ever.
"""

import gc

#: New objects before a collection of the youngest generation, then collections before the next older generation.
#: Measured in docs/explanation/performance.md.
THRESHOLDS = (20_000, 20, 50)


def tune_collector() -> None:
    """Let this process look less often. Call it once, at the start."""
    gc.set_threshold(*THRESHOLDS)
