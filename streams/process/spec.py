"""What a role is, as data: what it reads, writes, needs and uses, and how it is built.

Each module of ``streams.roles`` has a ``SPEC``; the command line, ``/ready`` and the operations page take what they say
of roles from these.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from streams.process.context import RoleContext
from streams.process.role import RoleApp


class Dependency(StrEnum):
    """What a process talks to, by the name that ``/ready`` and metrics have for it."""

    KAFKA = "kafka"
    REDIS = "redis"
    POSTGRES = "postgres"
    CLICKHOUSE = "clickhouse"
    NATS = "nats"
    #: Only one of its own (``VAULT_DSN``): else its rows are in PostgreSQL, whose other users say when it is down.
    VAULT = "vault"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSpec:
    """One role.

    ``reads`` and ``writes`` are topics and families of the catalogue, ``table`` the fenced table that it owns. It
    cannot work without what it ``needs``; what it ``uses`` it does without, where a deployment has none.
    """

    name: str
    summary: str
    build: Callable[[RoleContext], RoleApp]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    table: str | None = None
    needs: tuple[Dependency, ...]
    uses: tuple[Dependency, ...] = ()


def needed(specs: Iterable[RoleSpec]) -> frozenset[Dependency]:
    """Return what some of these roles cannot work without."""
    return frozenset(dependency for spec in specs for dependency in spec.needs)


def optional(specs: Iterable[RoleSpec]) -> frozenset[Dependency]:
    """Return what some of these roles use and none of them needs."""
    specs = tuple(specs)
    return frozenset(dependency for spec in specs for dependency in spec.uses) - needed(specs)
