"""Pure functions of a user's file, called again with recorded arguments."""

import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from agentflow import replay_rules as rules
from agentflow.cli.errors import USAGE, CliError
from agentflow.worker.errors import StepError
from agentflow.worker.functions import Functions

CallFunction = Callable[[rules.StepRequest, dict[str, Any]], Awaitable[Any]]


class _Context:
    """What a function may ask about its step. Nothing is stored, and nobody cancels."""

    def __init__(self, request: rules.StepRequest) -> None:
        self.org_id = request.org_id
        self.run_id = request.run_id
        self.step_id = request.step_id
        self.idempotency_key = request.idempotency_key
        self.progress: Any = None

    def secret(self, name: str) -> str:
        raise StepError("unknown_secret", f"a function has no secrets, such as {name}; make it a tool")

    def heartbeat(self, progress: Any = None) -> None:
        self.progress = progress


def functions_of(file: str | None) -> CallFunction | None:
    """Return what calls the functions of a file; ``None`` without one. Raises ``CliError``."""
    if file is None:
        return None
    try:
        found = Functions.load(Path(file))
    except Exception as exc:
        raise CliError(f"{file} cannot be loaded: {exc}", "name a Python file with @function functions", USAGE) from exc
    known = frozenset(found.names())

    async def call(request: rules.StepRequest, args: dict[str, Any]) -> Any:
        work = request.work
        if not isinstance(work, rules.FunctionCall) or f"function {work.name}" not in known:
            raise rules.NotHere(f"{file} has no function {getattr(work, 'name', '')}")
        try:
            value = found.get("function", work.name).bind(args, work.config, _Context(request)).make()
            return await value if inspect.isawaitable(value) else value
        except StepError as exc:
            raise rules.StepError(exc.code, str(exc)) from exc

    return call
