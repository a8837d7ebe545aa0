"""``python -m sdk.generate [--check]``."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from api.app import create_app
from schemas.settings import Settings
from sdk.generate.synchronous import synchronous
from sdk.generate.types import bodies, models

PACKAGE = Path(__file__).resolve().parents[1] / "agentflow"


def files() -> Iterator[tuple[Path, str]]:
    """Yield every generated file and what it should be."""
    document = create_app(Settings()).openapi()
    yield PACKAGE / "models.py", models(document)
    yield PACKAGE / "bodies.py", bodies(document)
    for source in sorted((PACKAGE / "client" / "aio").glob("*.py")):
        yield PACKAGE / "client" / "sync" / source.name, synchronous(source.read_text(encoding="utf-8"))


def formatted(source: str, path: Path) -> str:
    """Return source as the formatter leaves it, with sorted imports."""
    ruff = [sys.executable, "-m", "ruff"]
    for arguments in (
        ["check", "--fix-only", "--unsafe-fixes", "--select", "I,F401,UP028", "--quiet"],
        ["format", "--quiet"],
    ):
        command = [*ruff, *arguments, "--stdin-filename", str(path), "-"]
        source = subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout
    return source


def main(check: bool) -> int:
    """Write what differs, or only name it; return how many files differ, 1 at most."""
    wanted = {path: formatted(source, path) for path, source in files()}
    differing = [path for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text]
    differing += [path for path in sorted((PACKAGE / "client" / "sync").glob("*.py")) if path not in wanted]
    for path in differing:
        print(path.relative_to(PACKAGE), file=sys.stderr)
        if not check and path in wanted:
            path.write_text(wanted[path], encoding="utf-8")
    return int(check and bool(differing))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
