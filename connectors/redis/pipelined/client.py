"""The client: redis-py's commands over connections that all callers share.

It is a ``redis.asyncio.Redis`` in all that holds, claims, quotas and tables need: commands, scripts and pipelines. It
never repeats a command. One whose reply is lost is a ``ReplyLostError``, and one that was never sent a
``NotSentError``; the next command makes a new connection. A command that waits in the server (``BLPOP``) has a
connection of its own. It has no ``WATCH`` and no subscriptions.

Its URL names one server, a cluster or Sentinels. After a connection broke, or a server said that it is no master, the
servers are asked again before the next command.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import hiredis
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.commands.core import AsyncScript
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ExecAbortError,
    MasterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from connectors.redis.pipelined.address import Address, Place, read_place
from connectors.redis.pipelined.cluster import Cluster, key_of
from connectors.redis.pipelined.node import Node
from connectors.redis.pipelined.sentinel import Sentinels
from connectors.redis.pipelined.servers import Limits, Servers

Args = tuple[Any, ...]
#: Redirects of one command; a slot moves once, and is found at its second place.
_REDIRECTS = 5
_ASKING = hiredis.pack_command(("ASKING",))
#: Their last word is for how many seconds the server may wait.
_WAITING = frozenset({"BLPOP", "BRPOP", "BLMOVE"})
#: What a master says that has lost its replicas, perhaps inside a script's error: it may have been replaced.
_CUT_OFF = "NOREPLICAS"


class PipelinedRedis(Redis):
    """A client, not yet connected. ``connect_s`` and ``answer_s`` bound how long a server may be silent.

    ``pool`` says how redis-py reads replies, those of RESP2; no connection of it is ever made.
    """

    def __init__(self, pool: ConnectionPool, url: str, *, answer_s: float, connect_s: float) -> None:
        super().__init__(connection_pool=pool)
        self._limits = Limits(answer_s, connect_s)
        self._cluster = _servers(read_place(url), self._limits)
        self._learning: asyncio.Task[None] | None = None

    @property
    def servers(self) -> list[Address]:
        """Where the servers are that are known; after a first command, all masters."""
        return [node.address for node in self._cluster.nodes]

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        return self.parsed(args, options, await self.ask(_split(args)))

    def parsed(self, args: Args, options: Mapping[str, Any], reply: Any) -> Any:
        """Return a reply as redis-py's commands return it."""
        callback = self.response_callbacks.get(args[0])
        if callback is None:
            return reply
        return callback(reply, **{name: value for name, value in options.items() if name != "keys"})

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "Batch":
        return Batch(self, transaction=transaction)

    def register_script(self, script: Any) -> "Script":  # type: ignore[override] # redis-py types it as of its blocking client
        return Script(self, script)

    async def ask(self, args: Args) -> Any:
        """Return the raw reply to one command, wherever its key is. Raises what redis-py raises."""
        node, before, packed = await self._node_of(args), b"", hiredis.pack_command(args)
        if args[0] in _WAITING:
            return await self._wait(node, args)
        for _ in range(_REDIRECTS):
            try:
                return await self._sent(node, before, packed)
            except AskError as exc:
                node, before = self._redirected(exc)
        return await self._sent(node, before, packed)

    async def ask_together(self, commands: Sequence[Args]) -> list[Any]:
        """Return the replies to commands that are done at once (``MULTI``); all have keys of one slot."""
        # By a command that has a key; some, such as TIME, have none.
        deciding = next((one for one in commands if key_of(one) is not None), commands[0])
        node, before = await self._node_of(deciding), b""
        packed = b"".join(hiredis.pack_command(one) for one in (("MULTI",), *commands, ("EXEC",)))
        loop = asyncio.get_running_loop()
        for _ in range(_REDIRECTS):
            waiters: list[asyncio.Future[Any]] = [loop.create_future() for _ in range(len(commands) + 2)]
            node.send(before + packed, *((None,) if before else ()), *waiters)
            *queued, done = await asyncio.gather(*waiters, return_exceptions=True)
            elsewhere = next((one for one in queued if isinstance(one, AskError)), None)
            if isinstance(elsewhere, MovedError):
                node, before = self._redirected(elsewhere)
                continue
            failed = next((one for one in queued if isinstance(one, Exception)), None)
            if isinstance(done, BaseException):
                self._doubt(done)
                raise failed if isinstance(done, ExecAbortError) and failed is not None else done
            return list(done)
        raise ResponseError("a transaction was redirected too often; its slots are moving")

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await self._cluster.close()
        await super().aclose(close_connection_pool)

    async def _sent(self, node: Node, before: bytes, packed: bytes) -> Any:
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if before:
            node.send(before + packed, None, waiter)
        else:
            node.send(packed, waiter)
        try:
            return await waiter
        except (RedisConnectionError, ResponseError) as exc:
            self._doubt(exc)
            raise

    def _doubt(self, exc: BaseException) -> None:
        """Ask the servers again after an error that says that another one may be the master by now."""
        lost = isinstance(exc, (RedisConnectionError, ReadOnlyError, MasterDownError, ClusterDownError))
        if lost or _CUT_OFF in str(exc):
            self._cluster.stale = True

    async def _node_of(self, args: Args) -> Node:
        if self._cluster.stale:
            await self._learn()
        node = self._cluster.node_of(args)
        if node.broke:
            await self._learn()
            node = self._cluster.node_of(args)
        return node

    async def _wait(self, node: Node, args: Args) -> Any:
        """Ask what the server may answer late, on a connection that ends with the question: no reply is lost on it."""
        apart = Node(node.address, self._limits.answer_s + float(args[-1]), self._limits.connect_s)
        try:
            return await apart.ask(*args)
        except RedisConnectionError as exc:
            self._doubt(exc)
            raise
        finally:
            await apart.close()

    def _redirected(self, exc: AskError) -> tuple[Node, bytes]:
        node = self._cluster.at(exc.host, exc.port)
        if not isinstance(exc, MovedError):
            return node, _ASKING
        self._cluster.moved(exc.slot_id, node)
        return node, b""

    async def _learn(self) -> None:
        """Ask which server has what, once for all callers."""
        if self._learning is None:
            self._learning = asyncio.create_task(self._cluster.learn())
            self._learning.add_done_callback(self._learned)
        await asyncio.shield(self._learning)

    def _learned(self, task: asyncio.Task[None]) -> None:
        self._learning = None
        if not task.cancelled():
            task.exception()  # each caller raises it


class Script(AsyncScript):
    """A script that is called by its hash, and sent whole where the server does not know it."""

    def __init__(self, client: PipelinedRedis, script: str | bytes) -> None:
        self.registered_client = client
        self.script = script
        self.sha = hashlib.sha1(script if isinstance(script, bytes) else script.encode()).hexdigest()  # noqa: S324
        self._client = client

    async def __call__(
        self, keys: Sequence[Any] | None = None, args: Iterable[Any] | None = None, client: Any = None
    ) -> Any:
        keys = keys or ()
        rest = (len(keys), *keys, *(args or ()))
        try:
            return await self._client.ask(("EVALSHA", self.sha, *rest))
        except NoScriptError:
            return await self._client.ask(("EVAL", self.script, *rest))


class Batch(Pipeline):
    """Commands that are sent together: each on its own, or as one transaction."""

    def __init__(self, client: PipelinedRedis, *, transaction: bool) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, transaction, None)
        self._client = client

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        stack, self.command_stack = self.command_stack, []
        if not stack:
            return []
        commands = [_split(args) for args, _ in stack]
        if self.is_transaction:
            found = await self._client.ask_together(commands)
        else:
            asked = (self._client.ask(args) for args in commands)
            found = await asyncio.gather(*asked, return_exceptions=True)
        for one in found:
            if isinstance(one, Exception) and (raise_on_error or not isinstance(one, ResponseError)):
                raise one
        return [
            one if isinstance(one, Exception) else self._client.parsed(args, options, one)
            for (args, options), one in zip(stack, found, strict=True)
        ]


def _servers(place: Place, limits: Limits) -> Servers:
    return Sentinels(place, limits) if place.kind == "sentinel" else Cluster(place, limits)


def _split(args: Args) -> Args:
    """Return a command word by word: redis-py writes some as one, such as ``SCRIPT LOAD``."""
    return (*args[0].split(), *args[1:]) if " " in args[0] else args
