"""Copies the server's rules into a build of the package, with their imports rewritten, and records their hashes.

The rules are the modules of ``schemas`` and ``streams.core`` that the loaders in ``agentflow`` reach.
"""

import ast
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

_LOADERS = (
    "engine.py",
    "server_config.py",
    "prompt_rules.py",
    "replay_rules.py",
    "policy_rules.py",
    "audit_rules.py",
    "mcp_rules.py",
)
LOADERS = tuple(Path("sdk", "agentflow", name) for name in _LOADERS)
HASHES = "hashes.json"
_PACKAGES = ("schemas", "streams")
_IMPORT = re.compile(r"^(\s*)(from|import) (schemas|streams)(?=[\s.])", re.MULTILINE)
_PREFIX = "agentflow._engine"
_INIT = '"""A copy of the server\'s rules; the build makes it, with the hashes of its sources in hashes.json."""\n'


def sources(root: Path) -> list[Path]:
    """Return the files of the rules, as paths from the root of the checkout."""
    found: set[Path] = set()
    waiting = set(LOADERS)
    while waiting:
        path = waiting.pop()
        reached = {file for name in _imported(root / path) for file in _files(root, name)}
        waiting |= reached - found
        found |= reached
    return sorted(found)


def rewritten(source: str) -> str:
    """Return a module whose imports name the copies."""
    return _IMPORT.sub(rf"\1\2 {_PREFIX}.\3", source)


def _imported(path: Path) -> Iterator[str]:
    """Yield the modules that a module imports, and what might be modules among the names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def _files(root: Path, module: str) -> Iterator[Path]:
    """Yield the file of a module and those of its packages, if they are the application's."""
    parts = module.split(".")
    if parts[0] not in _PACKAGES:
        return
    for length in range(1, len(parts) + 1):
        plain = Path(*parts[:length])
        candidates = (plain / "__init__.py", plain.with_suffix(".py"))
        yield from (one for one in candidates if (root / one).is_file())


def hashes(root: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of the rules, by its path."""
    return {name.as_posix(): hashlib.sha256((root / name).read_bytes()).hexdigest() for name in sources(root)}


def copy_engine(root: Path, package: Path) -> None:
    """Write the rules into a built package, and let its loaders import the copies.

    A source distribution has them already: then there is no checkout at ``root``, and nothing to do.
    """
    if not (root / "schemas").is_dir():
        return
    target = package / "_engine"
    for name in sources(root):
        _write(target / name, rewritten((root / name).read_text(encoding="utf-8")))
    _write(target / "__init__.py", _INIT)
    _write(target / HASHES, json.dumps(hashes(root), indent=1) + "\n")
    for path in LOADERS:
        loader = package / path.name
        _write(loader, rewritten(loader.read_text(encoding="utf-8")))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A build may have linked a file to its source, which must not change.
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")
