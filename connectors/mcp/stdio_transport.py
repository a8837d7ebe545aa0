"""Messages to an MCP server that is a process of this machine: a line of JSON each way.

Only the installation declares such servers. The process gets the variables that are declared for it, and nothing else
of the worker's environment but ``PATH`` and ``HOME``; it is killed when its session ends.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence

import orjson

from connectors.mcp.http_transport import MAX_BYTES
from schemas.errors import StepError, Undecodable
from schemas.mcp.protocol import Message
from schemas.values.bounds import MAX_DEPTH
from schemas.values.json_text import read_json

_KEPT = ("PATH", "HOME", "LANG")
_END_S = 2.0


class StdioTransport:
    """One process. ``env`` are the variables that it gets."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._command = tuple(command)
        self._env = {name: os.environ[name] for name in _KEPT if name in os.environ} | dict(env)
        self._process: asyncio.subprocess.Process | None = None
        self.version: str | None = None

    async def send(self, message: Message, further: Mapping[str, str]) -> Message | None:
        """Send a message and return the answer to it, ``None`` for a notification. Raises ``StepError``."""
        process = self._process or await self._started()
        assert process.stdin is not None
        try:
            process.stdin.write(orjson.dumps(message) + b"\n")
            await process.stdin.drain()
            return await self._answer(process, message["id"]) if "id" in message else None
        except (OSError, ValueError, asyncio.IncompleteReadError) as exc:
            raise StepError("mcp_unreachable", f"the MCP server's process ended: {exc}", retryable=True) from exc

    async def close(self) -> None:
        """End the process: by the end of its input, and soon by force."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _END_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _started(self) -> asyncio.subprocess.Process:
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=self._env,
                limit=MAX_BYTES,
            )
        except OSError as exc:
            raise StepError("mcp_unreachable", f"the MCP server {self._command[0]} cannot be started: {exc}") from exc
        return self._process

    async def _answer(self, process: asyncio.subprocess.Process, message_id: int) -> Message:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            try:
                found = read_json(line, MAX_DEPTH - 1)
            except Undecodable:
                continue  # what a program prints beside its messages
            if isinstance(found, dict) and found.get("id") == message_id and ("result" in found or "error" in found):
                return found
        raise StepError("mcp_unreachable", "the MCP server's process ended without an answer", retryable=True)
