"""Users of the engines: one for each role and one for the API, or one for a process of several roles."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from streams.roles.registry import ROLES

API = "api"
#: What may have a user: every role, and the API.
SUBJECTS: tuple[str, ...] = (*ROLES, API)
PREFIX = "agentflow-"
#: Roles that submit runs themselves, by ``streams.roles.submission_path``.
SUBMITTERS = ("ingress", "scheduler", "triggers", "scores")


@dataclass(frozen=True, slots=True)
class User:
    """A user of an engine, and the roles whose processes log in as it."""

    name: str
    roles: tuple[str, ...]


def each_role() -> tuple[User, ...]:
    """Return a user for each role and the API."""
    return tuple(User(PREFIX + name, (name,)) for name in SUBJECTS)


def of_processes(layout: Mapping[str, Sequence[str]]) -> tuple[User, ...]:
    """Return a user for each process of roles, by the process' name. Raises ``ValueError`` for unknown roles."""
    return tuple(User(PREFIX + name, _known(roles)) for name, roles in layout.items())


def read(text: str) -> User:
    """Read ``name=role,role``. Raises ``ValueError`` that says what is wrong."""
    name, equals, roles = text.partition("=")
    if not equals or not name or not all(char.isalnum() or char in "-_" for char in name):
        raise ValueError(f"{text!r} is no user: write NAME=ROLE,ROLE; a name has letters, digits, '-' and '_'")
    return User(name, _known(roles.split(",")))


def _known(roles: Iterable[str]) -> tuple[str, ...]:
    found = tuple(roles)
    if unknown := [role for role in found if role not in SUBJECTS]:
        raise ValueError(f"there is no role {', '.join(map(repr, unknown))}; there are: {', '.join(SUBJECTS)}")
    return found
