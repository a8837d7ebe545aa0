"""``python -m tests.oidc``: play the forgeries; prints ``<passed> of <forgeries> passed`` and which."""

import asyncio
import sys

from tests.oidc.forgeries import FORGERIES
from tests.oidc.play import passed


def main() -> int:
    """Return 0 when none passes."""
    found = asyncio.run(passed())
    print(*found, sep="\n", file=sys.stderr)
    print(f"{len(found)} of {len(FORGERIES)} passed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
