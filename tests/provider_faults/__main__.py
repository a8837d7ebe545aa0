"""``python -m tests.provider_faults [WIRE ...]``: play the table; prints ``<right> of <cases>`` and what is wrong."""

import asyncio
import sys

from tests.provider_faults.calls import CASES, play_all


def main() -> int:
    """Return 0 when every case is right."""
    cases = [case for case in CASES if case.wire in (sys.argv[1:] or [case.wire])]
    found = asyncio.run(play_all(cases))
    for problems in found.values():
        for problem in problems:
            print(problem, file=sys.stderr)
    right = sum(not problems for problems in found.values())
    print(f"{right} of {len(found)}")
    return 0 if right == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
