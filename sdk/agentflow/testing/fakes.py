"""Fakes for tools, functions and models, and the calls that they get.

A fake is a value, a callable that gets the arguments by name, or a list of these, one a call, the last one for all
further calls. A model's fake gets one ``Call`` instead. It may raise or return ``Fails``, or return ``Takes``. A value
that is itself a list is given as a callable: ``lambda: [1, 2]``.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from agentflow.declaration import ATTRIBUTE
from agentflow.errors import AgentFlowError


class MissingFake(AgentFlowError):
    """The simulation calls something that has no fake."""


class Fails(Exception):
    """An attempt that fails, as the platform would report it.

    One that is ``retryable`` is tried again by the node's policy. ``after_s`` is how long it took.
    """

    def __init__(
        self,
        code: str = "exception",
        message: str = "",
        *,
        retryable: bool = True,
        retry_after_s: float | None = None,
        after_s: float = 0.0,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message or code)
        self.code = code
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.after_s = after_s
        self.details = dict(details or {})


@dataclass(frozen=True)
class Takes:
    """An answer that takes its time, on the clock of the simulation."""

    seconds: float
    answer: Any = None


@dataclass(frozen=True)
class ToolUses:
    """A turn of an agent that asks for calls of tools: pairs of a tool's name and its arguments."""

    uses: Sequence[tuple[str, Mapping[str, Any]]]
    text: str = ""


@dataclass
class Call:
    """One call of a fake. ``prompt`` is the rendered prompt of a model's, ``at_s`` the seconds since the start.

    Of a chat ``prompt`` is its last message, ``history`` has the role and the text of those before it, ``system`` and
    ``developer`` what these say. ``parameters`` are those that the node or its prompt's version gives, such as
    ``model``. ``turn`` counts the earlier turns of an agent. ``is_repair``: it is made since the answer before it broke
    the output schema. ``output`` and ``error`` are there afterwards.
    """

    kind: str
    name: str
    run_id: str
    step_id: str
    node_id: str
    attempt: int
    args: Mapping[str, Any]
    idempotency_key: str
    at_s: float
    prompt: str = ""
    system: str = ""
    developer: str = ""
    history: Sequence[tuple[str, str]] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tier: str = ""
    turn: int = 0
    is_repair: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    output: Any = None
    error: str | None = None


@dataclass(frozen=True)
class Context:
    """What a tool with a ``ToolContext`` gets."""

    org_id: str
    run_id: str
    step_id: str
    idempotency_key: str


class Fakes:
    """The fakes of a simulation by kind and name."""

    def __init__(self, given: Mapping[str, Mapping[str, Any]], declared: Sequence[Callable[..., Any]]) -> None:
        self._fakes: dict[tuple[str, str], Any] = {
            (kind, name): fake for kind, fakes in given.items() for name, fake in fakes.items()
        }
        for made in declared:
            said = getattr(made, ATTRIBUTE, None)
            if said is None:
                raise ValueError(f"{made!r} is no tool and no function; decorate it with @tool or @function")
            self._fakes[said["kind"], said["name"]] = made
        self._calls: dict[tuple[str, str], int] = {}

    def names(self, kind: str) -> set[str]:
        """Return the names of a kind."""
        return {name for of, name in self._fakes if of == kind}

    def answer(self, call: Call) -> Any:
        """Return what the fake of a call answers. Whatever user code raises passes."""
        key = self._key(call)
        fake = self._fakes[key]
        if isinstance(fake, list):
            number = self._calls.get(key, 0)
            self._calls[key] = number + 1
            fake = fake[min(number, len(fake) - 1)]
        answer = _called(fake, call) if callable(fake) else fake
        if isinstance(answer, Fails):
            raise answer
        return answer

    def _key(self, call: Call) -> tuple[str, str]:
        """Return the most specific fake: of a model, by node, by prompt and version, by prompt, or for all."""
        names = [call.name]
        if call.kind == "model":
            names = [call.node_id, call.name, call.name.partition("@")[0], "*"]
        found = next(((call.kind, name) for name in names if (call.kind, name) in self._fakes), None)
        if found is None:
            what = f"{call.kind} {call.name!r} of node {call.node_id!r}"
            raise MissingFake(f"there is no fake for the {what}; give {call.kind}s={{{names[0]!r}: …}}")
        return found


def _called(fake: Callable[..., Any], call: Call) -> Any:
    if call.kind == "model":
        return _awaited(fake(call))
    made: Any = fake(**call.config) if inspect.isclass(fake) else fake
    return _awaited(made(**_arguments(made, call)))


def _arguments(made: Callable[..., Any], call: Call) -> dict[str, Any]:
    """Return what a call takes of its arguments, as a worker does: a node may have more inputs than it needs."""
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(made).parameters.items():
        if str(parameter.annotation).rpartition(".")[2].rstrip("'>") == "ToolContext":
            arguments[name] = Context("test", call.run_id, call.step_id, call.idempotency_key)
        elif parameter.kind is parameter.VAR_KEYWORD:
            arguments |= {one: value for one, value in call.args.items() if one not in arguments}
        elif name in call.args:
            arguments[name] = call.args[name]
    return arguments


def _awaited(value: Any) -> Any:
    if not inspect.isawaitable(value):
        return value
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_result(value))
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _result(value)).result()


async def _result(value: Awaitable[Any]) -> Any:
    return await value
