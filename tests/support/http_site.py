"""A web site on loopback with scripted answers, byte by byte where they must be wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Site:
    """``answers`` are raw bytes by path; ``None`` never answers."""

    port: int = 0
    answers: dict[str, bytes | None] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def say(self, path: str, status: int = 200, body: bytes | str = b"", **headers: str) -> None:
        """Answer a path."""
        data = body.encode() if isinstance(body, str) else body
        lines = [f"HTTP/1.1 {status} X", *(f"{n.replace('_', '-')}: {v}" for n, v in headers.items())]
        if "content_length" not in headers:
            lines.append(f"content-length: {len(data)}")
        self.answers[path] = "\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1") + data


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    """Serve until the block ends."""
    state = Site()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first = await reader.readexactly(1)
            if first == b"\x16":
                return  # a TLS handshake
            head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = dict(line.lower().split(": ", 1) if ": " in line else (line, "") for line in head[1:] if line)
            values = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head[1:] if line}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            state.asked.append(Asked(method, target, values, body))
            answer = state.answers.get(target.partition("?")[0], b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n")
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    async with server:
        yield state
