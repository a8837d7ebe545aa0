"""``python -m tests.tenancy [REQUESTS]``: play requests between organisations; prints how many leaks there are."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.tenancy.play import play, stage

REQUESTS = 5_000


def main() -> int:
    """Return 0 when nothing leaks."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS
    with tempfile.TemporaryDirectory() as home, stage(Path(home)) as system:
        played = asyncio.run(play(system, count))
    print(*played.leaks, sep="\n", file=sys.stderr)
    print(f"statuses: {dict(sorted(played.statuses.items()))}", file=sys.stderr)
    print(f"{len(played.leaks)} leaks, {played.requests} requests of {played.operations} operations")
    return 1 if played.leaks else 0


if __name__ == "__main__":
    sys.exit(main())
