"""A write to a connection that is gone is an ``OSError`` on uvloop, as clients of engines expect."""

import asyncio
import subprocess
import sys

import pytest

# In processes of their own, since what is installed stays.
SCRIPT = """
import asyncio, sys, uvloop
from connectors.aio import uvloop_patch

async def main():
    async def closes(reader, writer):
        writer.transport.abort()

    server = await asyncio.start_server(closes, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    await reader.read()
    writer.transport.abort()
    await asyncio.sleep(0.05)
    for call in (lambda: writer.write(b"x"), lambda: writer.writelines([b"x"]), lambda: writer.write_eof()):
        try:
            call()
            print("nothing")
        except Exception as exc:
            print(type(exc).__name__)
    server.close()

if sys.argv[1] == "guarded":
    uvloop_patch.install()
    uvloop_patch.install()
asyncio.Runner(loop_factory=getattr(uvloop, "new_event_loop")).run(main())
"""

# A provider's server that hangs up between two calls: the socket is gone, the transport is not closed by its owner.
IDLE_SCRIPT = """
import anyio, asyncio, sys, uvloop
from connectors.aio import uvloop_patch

async def main():
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    stream = await anyio.connect_tcp(*server.sockets[0].getsockname())
    stream._transport.abort()
    await asyncio.sleep(0.05)
    try:
        print(stream.extra(anyio.abc.SocketAttribute.raw_socket, "none"))
    except Exception as exc:
        print(type(exc).__name__)
    server.close()

if sys.argv[1] == "guarded":
    uvloop_patch.install()
    uvloop_patch.install()
asyncio.Runner(loop_factory=getattr(uvloop, "new_event_loop")).run(main())
"""


def outcome(how: str, script: str = SCRIPT) -> list[str]:
    done = subprocess.run([sys.executable, "-c", script, how], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


def test_uvloop_alone_raises_what_nobody_expects() -> None:
    assert set(outcome("bare")) == {"RuntimeError"}


def test_guarded_it_raises_what_everybody_expects() -> None:
    assert set(outcome("guarded")) == {"ConnectionResetError"}


@pytest.mark.parametrize(("how", "answer"), [("bare", "AttributeError"), ("guarded", "none")])
def test_an_idle_connection_without_a_socket_has_no_attributes(how: str, answer: str) -> None:
    assert outcome(how, IDLE_SCRIPT) == [answer]


async def test_what_else_goes_wrong_passes_through() -> None:
    from connectors.aio.uvloop_patch import _guarded

    def broken(_writer: asyncio.StreamWriter) -> None:
        raise RuntimeError("a defect")

    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    with pytest.raises(RuntimeError, match="a defect"):
        _guarded(broken)(writer)
    writer.close()
    await writer.wait_closed()
    server.close()
