"""What the client needs of the servers behind a URL: of one, of a cluster's, of the master that Sentinels watch."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from connectors.redis.pipelined.node import Node


class Limits(NamedTuple):
    """How many seconds a server may be silent: with replies due, and while a connection is made."""

    answer_s: float
    connect_s: float


class Servers(Protocol):
    """Where each command goes."""

    #: Whether the servers must be asked before the next command.
    stale: bool

    @property
    def nodes(self) -> Sequence[Node]:
        """Every server that is known."""
        ...

    def node_of(self, args: Sequence[Any]) -> Node:
        """Return the server for a command. Raises redis-py's ``ConnectionError`` while none is known."""
        ...

    def at(self, host: str, port: int) -> Node:
        """Return the server at an address that another one named."""
        ...

    def moved(self, slot: int, node: Node) -> None:
        """Note that a slot is elsewhere."""
        ...

    async def learn(self) -> None:
        """Ask which server has what. Raises what redis-py raises."""
        ...

    async def close(self) -> None:
        """Disconnect from all."""
        ...
