"""``python -m deploy.prometheus [--check]``: write the page of metrics, or exit with 1 when it is not up to date."""

import sys
from collections.abc import Sequence

from deploy.prometheus.page import PAGE, page


def main(argv: Sequence[str]) -> int:
    """Write or check the page."""
    text = page()
    if list(argv) == ["--check"]:
        return int(PAGE.read_text(encoding="utf-8") != text)
    if argv:
        print("usage: python -m deploy.prometheus [--check]", file=sys.stderr)
        return 2
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
