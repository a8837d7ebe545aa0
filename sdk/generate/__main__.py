"""``python -m sdk.generate [--check]``."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from api.app import create_app
from schemas.settings import Settings
from sdk.generate.reference import reference
from sdk.generate.synchronous import synchronous
from sdk.generate.types import bodies, models

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "sdk" / "agentflow"
PAGE = ROOT / "docs" / "reference" / "sdk.md"


def files() -> Iterator[tuple[Path, str]]:
    """Yield every generated file and what it should be; each needs what was yielded before it."""
    document = create_app(Settings()).openapi()
    yield PACKAGE / "models.py", formatted(models(document))
    yield PACKAGE / "bodies.py", formatted(bodies(document))
    for source in sorted((PACKAGE / "client" / "aio").glob("*.py")):
        yield PACKAGE / "client" / "sync" / source.name, formatted(synchronous(source.read_text(encoding="utf-8")))
    yield PAGE, reference(PAGE.read_text(encoding="utf-8"))


def formatted(source: str) -> str:
    """Return source as the formatter leaves it, with sorted imports."""
    fixes = ["check", "--fix-only", "--unsafe-fixes", "--select", "I,F401,UP028"]
    for arguments in (fixes, ["format"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--quiet", "--stdin-filename", str(PACKAGE / "x.py"), "-"]
        source = subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout
    return source


def main(check: bool) -> int:
    """Write what differs, or only name it; return how many files differ, 1 at most."""
    wanted: set[Path] = set()
    differing: list[Path] = []
    for path, text in files():
        wanted.add(path)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            differing.append(path)
            if not check:
                path.write_text(text, encoding="utf-8")
    differing += [path for path in sorted((PACKAGE / "client" / "sync").glob("*.py")) if path not in wanted]
    for path in differing:
        print(path.relative_to(ROOT), file=sys.stderr)
    return int(check and bool(differing))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
