"""Loads the Lua scripts of ``lua/`` by name. One script is one atomic step in one hash slot.

A script opens with a comment that names its ``KEYS`` and ``ARGV`` and what it answers. ``-- include: name.lua`` puts a
fragment of ``lua/include/`` (local functions that several scripts share) in place of the line. What Redis gets has no
comments: a pipelined ``EVAL`` sends the whole text each time. ``tests/support/lua_lint.py`` checks the files.
"""

import re
from pathlib import Path

FOLDER = Path(__file__).parent / "lua"
FRAGMENTS = FOLDER / "include"
_INCLUDE = re.compile(r"-- include: (?P<file>\w+\.lua)")


def script(name: str) -> str:
    """Return a script's text with its fragments, e.g. of ``table_commit``. Raises ``FileNotFoundError``.

    Modules call it when they are imported, so a missing file shows at the start of a process.
    """
    return "".join(f"{line}\n" for line in _lines(FOLDER / f"{name}.lua"))


def _lines(path: Path) -> list[str]:
    lines: list[str] = []
    for line in path.read_text("utf-8").splitlines():
        include = _INCLUDE.fullmatch(line)
        if include is not None:
            lines += _lines(FRAGMENTS / include["file"])
        elif not line.lstrip().startswith("--"):
            lines.append(line)
    return lines
