"""What the checks look at: plain data, so that a check is a pure function. ``None`` is what could not be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Facts:
    """A system as one key sees it, and this machine.

    ``unreachable`` is why nothing answers, ``refused`` the status and text of an answer that refused the key,
    ``ahead_s`` by how much the server's clock is ahead, ``memory`` the available and the whole memory of this machine
    in bytes (where the system runs on it), ``failed`` the newest failed runs, ``waiting`` what open runs wait for.
    """

    endpoint: str
    origin: str = "default"
    token: bool = True
    config_file: str = ""
    config_mode: int | None = None
    unreachable: str | None = None
    ready: Row | None = None
    refused: tuple[int, str] | None = None
    ahead_s: float | None = None
    memory: tuple[int, int] | None = None
    workers: Sequence[Row] | None = None
    topics: Sequence[Row] | None = None
    letters: int | None = None
    failed: Sequence[Row] = ()
    waiting: Sequence[Row] = ()
    budgets: Sequence[Row] = ()
    stops: Sequence[Row] = ()
    limits: Row = field(default_factory=dict)
    schedules: Sequence[Row] = ()
    load_problems: Sequence[str] = ()


@dataclass(frozen=True)
class Finding:
    """A problem that was found, and what to do about it."""

    problem: str
    fix: str
