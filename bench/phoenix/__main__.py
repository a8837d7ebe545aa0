"""``python -m bench.phoenix``: install Arize Phoenix in an environment of its own. Exit code 1 where that fails."""

import sys

from bench.lines import NotThere
from bench.phoenix.server import PHOENIX


def main() -> int:
    """Install it, and say where it is."""
    try:
        print(f"{PHOENIX.name} is in {PHOENIX.install()}")
    except NotThere as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
