"""Which server is the master that Sentinels watch: asked of them at first, and again after a failover."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from redis.exceptions import AuthenticationError, AuthorizationError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from connectors.redis.pipelined.address import Place
from connectors.redis.pipelined.node import Node
from connectors.redis.pipelined.servers import Limits


class Sentinels:
    """One master, known after ``learn``. A server that is no master any more, or has not heard of it, is not used."""

    def __init__(self, place: Place, limits: Limits) -> None:
        self._place = place
        self._limits = limits
        self._sentinels = [Node(seed, *limits) for seed in place.seeds]
        self._master: Node | None = None
        #: Whether the Sentinels must be asked before the next command.
        self.stale = True

    @property
    def nodes(self) -> Sequence[Node]:
        """The master, if it is known."""
        return [] if self._master is None else [self._master]

    def node_of(self, args: Sequence[Any]) -> Node:
        """Return the server for a command. Raises redis-py's ``ConnectionError`` before ``learn`` has found one."""
        if self._master is None:
            raise RedisConnectionError(f"no Sentinel has named a master {self._place.master!r}")
        return self._master

    def at(self, host: str, port: int) -> Node:
        """Return the server at an address, with the master's login."""
        master = self._master
        if master is not None and (master.address.host, master.address.port) == (host, port):
            return master
        return Node(replace(self._place.master_login, host=host, port=port), *self._limits)

    def moved(self, slot: int, node: Node) -> None:
        """Ask the Sentinels again: the server is one of a cluster."""
        self.stale = True

    async def learn(self) -> None:
        """Ask the Sentinels in turn for the master, and that one for its role. Raises redis-py's ``ConnectionError``.

        A Sentinel that was cut off may name a server that is a replica by now, so the server's own word is needed.
        """
        why: list[str] = []
        for sentinel in list(self._sentinels):
            try:
                found = await sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._place.master)
                if found is None:
                    why.append(f"{sentinel.address} knows no master {self._place.master!r}")
                    continue
                node = self.at(found[0].decode(), int(found[1]))
                role = await node.ask("ROLE")
            except (AuthenticationError, AuthorizationError):
                raise
            except (RedisConnectionError, ResponseError) as exc:
                why.append(f"{sentinel.address}: {exc}")
                continue
            if role[0] != b"master":
                why.append(f"{node.address}, which {sentinel.address} names, is a {role[0].decode()}")
                if node is not self._master:
                    await node.close()
                continue
            await self._take(node, sentinel)
            return
        raise RedisConnectionError(f"no master of Redis: {'; '.join(why)}")

    async def close(self) -> None:
        """Disconnect from all."""
        for node in [*self._sentinels, *self.nodes]:
            await node.close()

    async def _take(self, node: Node, sentinel: Node) -> None:
        before, self._master = self._master, node
        self.stale = False
        # The one that answered is asked first the next time.
        self._sentinels.sort(key=lambda one: one is not sentinel)
        if before is not None and before is not node:
            await before.close()
