"""An MCP server on standard input and output: one message a line, each request in a thread of its own.

Standard output has messages only. The end of the input ends the server.
"""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

from agentflow import mcp_rules as rules
from agentflow.cli.api import Api
from agentflow.cli.errors import CliError
from agentflow.version import VERSION

#: Requests at once; others wait.
AT_ONCE = 16
_CANCELLED = "notifications/cancelled"


class StdioServer:
    """Serves one client. ``api`` is asked with the key of the settings."""

    def __init__(self, api: Api, out: IO[str]) -> None:
        self._api = api
        self._out = out
        self._writing = threading.Lock()
        self._running: dict[str | int, threading.Event] = {}

    def serve(self, lines: IO[str]) -> None:
        """Answer until the input ends. Who waits for a run then is not answered any more."""
        with ThreadPoolExecutor(AT_ONCE, "mcp") as pool:
            for line in lines:
                if line.strip():
                    self._take(line, pool)
            for stopped in list(self._running.values()):
                stopped.set()

    def _take(self, line: str, pool: ThreadPoolExecutor) -> None:
        try:
            message = rules.read_message(line)
        except rules.RpcError as exc:
            self._write(rules.error_answer(None, exc))
            return
        if message is None:
            return
        if message.id is None:
            if message.method == _CANCELLED:
                self._cancel(message.params.get("requestId"))
            return
        stopped = self._running[message.id] = threading.Event()
        pool.submit(self._answer, message, stopped)

    def _cancel(self, message_id: Any) -> None:
        stopped = self._running.get(message_id) if isinstance(message_id, str | int) else None
        if stopped is not None:
            stopped.set()

    def _answer(self, message: rules.Incoming, stopped: threading.Event) -> None:
        try:
            work, found = rules.reply(message, VERSION), None
            while True:
                try:
                    step = work.send(found)
                except StopIteration as end:
                    self._write(end.value)
                    return
                if isinstance(step, rules.Pause):
                    if stopped.wait(step.seconds):
                        return
                    found = None
                else:
                    found = self._done(step)
        except Exception as exc:  # noqa: BLE001 - a thread that ends silently would leave its client waiting
            error = rules.RpcError(-32603, f"the request failed: {type(exc).__name__}")
            self._write(rules.error_answer(message.id, error))
        finally:
            if message.id is not None:
                self._running.pop(message.id, None)

    def _done(self, step: rules.Ask | rules.Say) -> rules.Answered | None:
        if isinstance(step, rules.Ask):
            return self._asked(step)
        self._write(step.message)
        return None

    def _asked(self, step: rules.Ask) -> rules.Answered:
        params = {name: str(value) for name, value in step.params.items()}
        try:
            found = self._api.request(
                step.method, step.path, params=params or None, json=step.body, headers=dict(step.headers) or None
            )
        except CliError as exc:
            return rules.Answered(503, {"type": "urn:agentflow:problem:unreachable", "detail": exc.line()})
        return rules.Answered(found.status, found.body)

    def _write(self, message: dict[str, Any]) -> None:
        line = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        with self._writing:
            self._out.write(line + "\n")
            self._out.flush()
