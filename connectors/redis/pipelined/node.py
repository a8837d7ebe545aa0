"""One server: its connection, which is made when it is needed and made again when it was lost."""

import asyncio
from typing import Any

import hiredis
from redis.exceptions import AuthenticationError, AuthorizationError, RedisError

from connectors.redis.pipelined.address import Address
from connectors.redis.pipelined.connection import Connection, Waiter
from connectors.redis.pipelined.failures import NotSentError
from connectors.redis.tls import fault_of


class Node:
    """A server. Commands that come while there is no connection wait for one, at most ``connect_s``."""

    def __init__(self, address: Address, answer_s: float, connect_s: float) -> None:
        self.address = address
        self._answer_s = answer_s
        self._connect_s = connect_s
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._unsent: list[tuple[bytes, tuple[Waiter, ...]]] = []
        #: Whether its last connection broke and there is no other yet: it may have been replaced.
        self.broke = False

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None

    def send(self, packed: bytes, *waiters: Waiter) -> None:
        """Send commands, with a waiter for the reply of each."""
        if self._connection is not None:
            self._connection.send(packed, *waiters)
            return
        self._unsent.append((packed, waiters))
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())

    async def ask(self, *args: Any) -> Any:
        """Return the reply to one command. Raises what redis-py raises."""
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.send(hiredis.pack_command(args), waiter)
        return await waiter

    async def close(self) -> None:
        """Disconnect."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._connection is not None:
            self._connection.close()

    async def _connect(self) -> None:
        error: BaseException = NotSentError(f"redis at {self.address}: the client was closed")
        try:
            async with asyncio.timeout(self._connect_s):
                connection = await self._opened()
            self._connection, self.broke = connection, False
            error = NotSentError(f"redis at {self.address}: the connection was closed")
        except (AuthenticationError, AuthorizationError) as exc:
            error = exc
        except (OSError, RedisError, TimeoutError) as exc:
            fault = fault_of(exc)
            why = fault or str(exc) or f"no answer within {self._connect_s:g} s"
            error = NotSentError(f"cannot connect to redis at {self.address}: {why}")
        finally:
            self._connecting = None
            self._release(error)

    def _release(self, error: BaseException) -> None:
        unsent, self._unsent = self._unsent, []
        for packed, waiters in unsent:
            if self._connection is not None:
                self._connection.send(packed, *waiters)
                continue
            for waiter in waiters:
                if waiter is not None and not waiter.done():
                    waiter.set_exception(error)

    async def _opened(self) -> Connection:
        loop, address = asyncio.get_running_loop(), self.address
        connection = Connection(self._answer_s, lambda: self._gone(connection))
        if address.path:
            await loop.create_unix_connection(lambda: connection, address.path)
        else:
            name = address.host if address.tls is not None else None
            await loop.create_connection(
                lambda: connection, address.host, address.port, ssl=address.tls, server_hostname=name
            )
        try:
            await self._log_in(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _log_in(self, connection: Connection) -> None:
        address, commands = self.address, list[tuple[Any, ...]]()
        if address.password:
            commands.append(("AUTH", address.user, address.password) if address.user else ("AUTH", address.password))
        if address.database:
            commands.append(("SELECT", address.database))
        waiters = [asyncio.get_running_loop().create_future() for _ in commands]
        for command, waiter in zip(commands, waiters, strict=True):
            connection.send(hiredis.pack_command(command), waiter)
        replies = await asyncio.gather(*waiters, return_exceptions=True)
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply

    def _gone(self, connection: Connection) -> None:
        if self._connection is connection:
            self._connection, self.broke = None, True
