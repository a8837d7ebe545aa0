"""The end of ``make run``: roles before engines, within five seconds, unless a worker finishes calls."""

import time
from collections.abc import Callable, Mapping, Sequence

from deploy.local.engines.engine import Engine
from deploy.local.roles import RoleProcess

#: Roles leave their groups within a second. What is not gone after this is killed, which loses nothing.
ROLES_S = 2.0
ENGINES_S = 2.5
#: After its drain a worker leaves its group and closes connections.
AFTER_DRAIN_S = 3.0
POLL_S = 0.05

Say = Callable[[str], None]


def stop_roles(
    roles: Mapping[str, RoleProcess], draining: str | None, drain_s: float, impatient: Callable[[], bool], say: Say
) -> None:
    """Stop the roles. ``draining`` is the worker that may finish its calls, until ``impatient`` or for ``drain_s``."""
    for role in roles.values():
        if role.process is not None and role.pid is not None:
            role.process.terminate()
    _wait(list(roles.values()), ROLES_S, impatient)
    drains = roles.get(draining or "")
    for role in roles.values():
        if role is not drains and role.pid is not None:
            role.kill()
    if drains is None or drains.pid is None:
        return
    if not impatient():
        say(f"the {draining} finishes its calls, for at most {drain_s:g} s; Ctrl-C again ends it at once")
        _wait([drains], drain_s + AFTER_DRAIN_S, impatient)
    if drains.pid is not None:
        drains.kill()


def stop_engines_within(engines: Sequence[Engine], seconds: float = ENGINES_S) -> None:
    """Bound the stop of engines: one that is killed recovers from its own log at the next start."""
    for engine in engines:
        engine.stop_timeout_s = seconds


def _wait(roles: Sequence[RoleProcess], seconds: float, impatient: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while any(role.pid is not None for role in roles) and time.monotonic() < deadline and not impatient():
        time.sleep(POLL_S)
