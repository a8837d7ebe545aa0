"""A TCP proxy with faults, on loopback: ``python -m tests.chaos.proxy LINKS.json``.

Each link listens on one port and forwards to another. ``LINKS.json`` holds ``{name: [listen port, target port]}``. The
first line on standard output is JSON, ``{"control": port}``; the control port takes one JSON object a line,
``{"links": [name], "do": "pause"}``, and answers ``{"ok": true}``:

========  =========================================================================================================
pause     nothing passes, connections stay open, new ones are taken and get no answer
cut       every connection is reset, and new ones are, too
delay     each piece waits ``amount`` milliseconds (pieces of one connection after another)
throttle  ``amount`` bytes a second for each direction of each connection
heal      all is well again
========  =========================================================================================================
"""

import asyncio
import json
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

import uvloop

from connectors.aio import uvloop_patch

LOOPBACK = "127.0.0.1"
PIECE = 64 * 1024
#: A slow link passes this much of a second at a time.
TICK_S = 0.1
#: Closing with this setting resets the connection instead of ending it in order.
_RESET = struct.pack("ii", 1, 0)


class Link:
    """One way through the proxy. Its methods take effect at once, also on connections that are open."""

    def __init__(self, listen: int, target: int) -> None:
        self.port = listen
        self._target = target
        self._open = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.heal()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port, limit=PIECE)

    async def stop(self) -> None:
        """Listen no more, and end every connection."""
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def heal(self) -> None:
        """Let everything pass."""
        self._delay_s, self._rate, self._refuses = 0.0, 0.0, False
        self._open.set()

    def strike(self, do: str, amount: float) -> None:
        """Begin a fault, in place of the one before. Raises ``ValueError`` for one that is not known."""
        self.heal()
        match do:
            case "heal":
                pass
            case "pause":
                self._open.clear()
            case "cut":
                self._refuses = True
                for writer in list(self._writers):
                    _reset(writer)
            case "delay":
                self._delay_s = amount / 1000
            case "throttle":
                self._rate = amount
            case _:
                raise ValueError(f"no fault {do!r}; there are pause, cut, delay, throttle and heal")

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = [writer]
        try:
            await self._open.wait()
            there, back = await asyncio.open_connection(LOOPBACK, self._target, limit=PIECE)
            pair.append(back)
            self._writers.update(pair)
            if self._refuses:
                return
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, back))
                both.create_task(self._pass_on(there, writer))
        except* OSError:
            pass  # either side went away; the other must learn it
        finally:
            self._writers.difference_update(pair)
            for one in pair:
                _reset(one)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(int(self._rate * TICK_S) or PIECE):
            wait_s = self._delay_s + (len(piece) / self._rate if self._rate else 0.0)
            if wait_s:
                # What was read before the link became slow is no reason to sleep for longer than the fault.
                await asyncio.sleep(min(wait_s, 1.0))
            await self._open.wait()
            writer.write(piece)
            await writer.drain()
        await self._open.wait()
        if writer.can_write_eof():
            writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close at once. A peer that has read everything sees an end, one that has not a reset."""
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.is_closing():
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


class Proxy:
    """All links, and the control port."""

    def __init__(self, links: dict[str, Link]) -> None:
        self._links = links

    async def serve(self) -> None:
        """Serve until SIGTERM."""
        for link in self._links.values():
            await link.start()
        control = await asyncio.start_server(self._controlled, LOOPBACK, 0)
        print(json.dumps({"control": control.sockets[0].getsockname()[1]}), flush=True)  # noqa: T201 - its reader waits
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        await ended.wait()

    async def _controlled(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(self._told(line)).encode() + b"\n")
        writer.close()

    def _told(self, line: bytes) -> dict[str, object]:
        try:
            order = json.loads(line)
            for name in order["links"]:
                self._links[name].strike(order["do"], order.get("amount", 0))
        except (ValueError, KeyError) as exc:
            return {"ok": False, "why": repr(exc)}
        return {"ok": True}


def main() -> None:
    """Run the proxy."""
    uvloop_patch.install()
    ports: dict[str, list[int]] = json.loads(Path(sys.argv[1]).read_text())
    uvloop.run(Proxy({name: Link(listen, target) for name, (listen, target) in ports.items()}).serve())


if __name__ == "__main__":
    main()
