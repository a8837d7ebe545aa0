"""``python -m deploy.grafana [--check]``: write the dashboards, or exit with 1 when one is not up to date."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy.grafana.pages import DASHBOARDS
from deploy.grafana.render import rendered

DIRECTORY = Path(__file__).parent / "dashboards"


def files() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each dashboard."""
    for dashboard in DASHBOARDS:
        text = json.dumps(rendered(dashboard), indent=2, ensure_ascii=False)
        yield DIRECTORY / f"{dashboard.uid}.json", f"{text}\n"


def main(argv: Sequence[str]) -> int:
    """Write or check the files."""
    if list(argv) not in ([], ["--check"]):
        print("usage: python -m deploy.grafana [--check]", file=sys.stderr)
        return 2
    if argv:
        return int(any(not path.exists() or path.read_text("utf-8") != text for path, text in files()))
    DIRECTORY.mkdir(exist_ok=True)
    for path, text in files():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
