"""Which server has a key: one for all, or by hash slot in a cluster."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from redis.crc import key_slot
from redis.exceptions import AuthenticationError, AuthorizationError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from connectors.redis.pipelined.address import Place
from connectors.redis.pipelined.node import Node
from connectors.redis.pipelined.servers import Limits

_SCRIPTS = frozenset({"EVAL", "EVALSHA"})
#: Commands without a key; ``SCAN`` is sent where the hash tag of its pattern is.
_MATCH = ("MATCH", b"MATCH")
_KEYLESS = frozenset({"PING", "SCRIPT", "TIME", "INFO", "CLUSTER", "CONFIG", "FLUSHALL", "FLUSHDB", "ACL", "CLIENT"})


class Cluster:
    """The servers that are known. Before ``learn`` none is chosen by slot.

    A place of the kind ``single`` may be a cluster, too; one of the kind ``cluster`` must be.
    """

    def __init__(self, place: Place, limits: Limits) -> None:
        self._place = place
        self._limits = limits
        self._nodes = {(seed.host, seed.port): Node(seed, *limits) for seed in place.seeds}
        self._seed = next(iter(self._nodes.values()))
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
        key = key_of(args)
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
        """Ask which server has which slot; of a single server, all are there. Raises what redis-py raises.

        Those that answered last are asked first: one that is gone takes as long as a connection may take.
        """
        failure: Exception | None = None
        for node in sorted(self.nodes, key=lambda one: not one.is_connected):
            try:
                found = await node.ask("CLUSTER", "SLOTS")
            except (AuthenticationError, AuthorizationError):
                raise
            except ResponseError as exc:
                if self._place.kind == "cluster" and "cluster support disabled" in str(exc):
                    raise ResponseError(
                        f"redis at {node.address} is no cluster: write redis:// without +cluster"
                    ) from exc
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


def key_of(args: Sequence[Any]) -> Any:
    """Return the key that decides where a command goes; ``None`` if it has none."""
    name = args[0]
    if name in _SCRIPTS:
        return args[3] if len(args) > 3 and int(args[2]) else None
    if name == "SCAN":
        # The pattern, if its hash tag says where all that it matches is.
        return next((after for word, after in pairwise(args) if word in _MATCH and "{" in str(after)), None)
    return args[1] if len(args) > 1 and name not in _KEYLESS else None
