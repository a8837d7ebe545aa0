"""``python -m bench.profiled_role FILE role …``: ``python -m streams role …`` under ``cProfile``, by CPU time.

The imports are done before the profiler starts. The profile is written to ``FILE`` when the roles have stopped.
"""

import cProfile
import sys
import time

from streams.app import main as serve


def main() -> int:
    """Serve; return the roles' exit code."""
    target, *roles = sys.argv[1:]
    # By CPU time: by the wall clock everything would be the wait for the network.
    profiler = cProfile.Profile(time.process_time)
    try:
        return profiler.runcall(serve, roles)
    finally:
        profiler.dump_stats(target)


if __name__ == "__main__":
    sys.exit(main())
