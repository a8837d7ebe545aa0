"""Which server has a key: one for all, or by hash slot in a cluster."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from redis.crc import key_slot
from redis.exceptions import AuthenticationError, AuthorizationError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from connectors.redis.pipelined.address import Address
from connectors.redis.pipelined.node import Node

_SCRIPTS = frozenset({"EVAL", "EVALSHA"})
#: Commands without a key; ``SCAN`` is sent where the hash tag of its pattern is.
_MATCH = ("MATCH", b"MATCH")
_KEYLESS = frozenset({"PING", "SCRIPT", "TIME", "INFO", "CLUSTER", "CONFIG", "FLUSHALL", "FLUSHDB", "ACL", "CLIENT"})


class Cluster:
    """The servers that are known. Before ``learn`` none is chosen by slot."""

    def __init__(self, seed: Address, answer_s: float, connect_s: float) -> None:
        self._limits = (answer_s, connect_s)
        self._seed = Node(seed, answer_s, connect_s)
        self._nodes: dict[tuple[str, int], Node] = {(seed.host, seed.port): self._seed}
        self._slots: list[Node] | None = None
        #: Whether the servers must be asked before the next command.
        self.stale = True

    @property
    def nodes(self) -> Sequence[Node]:
        """Every server that is known."""
        return list(self._nodes.values())

    def node_of(self, args: Sequence[Any]) -> Node:
        """Return the server for a command."""
        if self._slots is None:
            return self._seed
        key = _key(args)
        if key is None:
            return self._slots[0]
        return self._slots[key_slot(key if isinstance(key, bytes) else str(key).encode())]

    def at(self, host: str, port: int) -> Node:
        """Return the server at an address."""
        address = self._seed.address.at(host, port)
        place = (address.host, address.port)
        if place not in self._nodes:
            self._nodes[place] = Node(address, *self._limits)
        return self._nodes[place]

    def moved(self, slot: int, node: Node) -> None:
        """Note that a slot is elsewhere; the others may be, too."""
        if self._slots is not None:
            self._slots[slot] = node
        self.stale = True

    async def learn(self) -> None:
        """Ask which server has which slot; of a single server, all are there. Raises what redis-py raises."""
        failure: Exception | None = None
        for node in self.nodes:
            try:
                found = await node.ask("CLUSTER", "SLOTS")
            except (AuthenticationError, AuthorizationError):
                raise
            except ResponseError:
                # No cluster, or none that this user may ask for: redirects say the rest.
                self.stale = False
                return
            except RedisConnectionError as exc:
                failure = failure or exc
                continue
            self._take(node, found)
            return
        if failure is not None:
            raise failure

    async def close(self) -> None:
        """Disconnect from all."""
        for node in self.nodes:
            await node.close()

    def _take(self, asked: Node, found: Sequence[Any]) -> None:
        slots = [self._seed] * 16_384
        for first, last, (host, port, *_), *_ in found:
            node = self.at(host.decode() or asked.address.host, port)
            slots[first : last + 1] = [node] * (last + 1 - first)
        self._slots = slots
        self.stale = False


def _key(args: Sequence[Any]) -> Any:
    """Return the key that decides where a command goes; ``None`` if it has none."""
    name = args[0]
    if name in _SCRIPTS:
        return args[3] if len(args) > 3 and int(args[2]) else None
    if name == "SCAN":
        # The pattern, if its hash tag says where all that it matches is.
        return next((after for word, after in pairwise(args) if word in _MATCH and "{" in str(after)), None)
    return args[1] if len(args) > 1 and name not in _KEYLESS else None
