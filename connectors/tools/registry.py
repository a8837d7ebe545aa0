"""Tools and functions by name, each with an argument schema made from its type hints.

A function is pure: its result depends on its arguments only, so it is called again without harm. A tool may touch the
world: it is called under a claim and gets an idempotency key. Either is a plain or an async Python function::

    @tool("weather.today")
    async def today(context: ToolContext, *, city: str, days: int = 1) -> dict[str, str]: ...


    @function("word_count")
    def word_count(*, text: str) -> int: ...

A parameter annotated ``ToolContext`` gets the context. ``**inputs`` takes every further argument. A plain function that
waits (files, sockets) must say ``blocking=True``, which runs it in a thread.
"""

import asyncio
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from connectors.tools.context import ToolContext
from schemas.errors import StepError

ToolKind = Literal["tool", "function"]
_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Entry:
    """One tool or function. ``arguments`` checks its arguments; the parameter ``context_name`` gets the context."""

    name: str
    kind: ToolKind
    call: Callable[..., Any]
    arguments: type[BaseModel]
    context_name: str | None
    blocking: bool
    summary: str

    @property
    def quick(self) -> bool:
        """Whether a call runs from start to end without waiting for anything."""
        return not self.blocking and not inspect.iscoroutinefunction(self.call)

    @property
    def open_ended(self) -> bool:
        """Whether it takes arguments that it does not name."""
        return self.arguments.model_config.get("extra") == "allow"

    def describe(self) -> dict[str, Any]:
        """Return name, kind, summary and the JSON schema of the arguments."""
        schema = self.arguments.model_json_schema()
        return {"name": self.name, "kind": self.kind, "summary": self.summary, "arguments": schema}


class Registry:
    """The tools and functions of one process."""

    def __init__(self) -> None:
        self._entries: dict[tuple[ToolKind, str], Entry] = {}
        self._quick: dict[tuple[ToolKind, str], bool] = {}

    def tool(self, name: str, *, blocking: bool = False) -> Callable[[_F], _F]:
        """Register a tool under a name."""
        return self._decorator("tool", name, blocking)

    def function(self, name: str, *, blocking: bool = False) -> Callable[[_F], _F]:
        """Register a pure function under a name."""
        return self._decorator("function", name, blocking)

    def names(self, kind: ToolKind) -> frozenset[str]:
        """Return the names of all tools or all functions."""
        return frozenset(name for entry_kind, name in self._entries if entry_kind == kind)

    def describe(self) -> list[dict[str, Any]]:
        """Return every entry's description, by kind and name."""
        return [self._entries[key].describe() for key in sorted(self._entries)]

    def get(self, kind: ToolKind, name: str) -> Entry:
        """Return an entry. Raises a final ``StepError`` that names those there are."""
        entry = self._entries.get((kind, name))
        if entry is None:
            known = ", ".join(sorted(self.names(kind))) or "none"
            raise StepError(
                f"unknown_{kind}",
                f"this worker has no {kind} {name!r} (it has: {known}); "
                f"register it with @{kind}({name!r}) in a module that every worker imports",
            )
        return entry

    def is_quick(self, kind: ToolKind, name: str) -> bool:
        """Return whether a call of it waits for nothing, so that it needs neither a slot nor a time limit."""
        known = self._quick.get((kind, name))
        if known is None:
            entry = self._entries.get((kind, name))
            known = self._quick[kind, name] = entry is not None and entry.quick
        return known

    async def call(self, kind: ToolKind, name: str, args: dict[str, Any], context: ToolContext) -> Any:
        """Call a tool or function and return its result.

        Raises a final ``StepError`` for an unknown name or arguments that do not fit, and whatever the call raises.
        """
        entry = self.get(kind, name)
        checked = check_arguments(entry, args)
        if entry.context_name is not None:
            checked[entry.context_name] = context
        if entry.blocking:
            return await asyncio.to_thread(entry.call, **checked)
        result = entry.call(**checked)
        return await result if inspect.isawaitable(result) else result

    def _decorator(self, kind: ToolKind, name: str, blocking: bool) -> Callable[[_F], _F]:
        def register(call: _F) -> _F:
            if (kind, name) in self._entries:
                raise ValueError(f"{kind} {name!r} is registered twice; give one of them another name")
            self._entries[kind, name] = _entry(kind, name, call, blocking)
            self._quick.pop((kind, name), None)
            return call

        return register


def check_arguments(entry: Entry, args: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments as the call takes them. Raises a final ``StepError`` with code ``bad_arguments``.

    A step is given more than its node binds (the run's inputs, its predecessors' outputs, ``item`` and ``index``), so
    what the call does not name is left out. Names that a node binds itself are checked when its workflow is registered.
    """
    try:
        model = entry.arguments.model_validate(args)
    except ValidationError as exc:
        raise StepError("bad_arguments", _explain(entry, args, exc)) from exc
    given = model.model_fields_set
    named = {field: value for field, value in model.__dict__.items() if field in given}
    return named | (model.model_extra or {})


def _entry(kind: ToolKind, name: str, call: Callable[..., Any], blocking: bool) -> Entry:
    hints = get_type_hints(call, include_extras=True)
    context_name: str | None = None
    extra: Literal["allow", "ignore"] = "ignore"
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(call).parameters.values():
        annotation = hints.get(parameter.name, Any)
        if annotation is ToolContext:
            context_name = parameter.name
        elif parameter.kind is parameter.VAR_KEYWORD:
            extra = "allow"
        elif parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise TypeError(f"{kind} {name!r}: parameter {parameter.name!r} must be callable by keyword")
        else:
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[parameter.name] = (annotation, Field(default))
    arguments = create_model(name, __config__=ConfigDict(extra=extra), **fields)
    summary = (inspect.getdoc(call) or "").partition("\n")[0]
    return Entry(name, kind, call, arguments, context_name, blocking, summary)


def unknown_arguments(entry: Entry, names: Iterable[str]) -> list[str]:
    """Return one sentence for each of the names, which a node binds itself, that the call does not take."""
    if entry.open_ended:
        return []
    unknown = [name for name in names if name not in entry.arguments.model_fields]
    return [f"{entry.kind} {entry.name!r} has no argument {name!r}; it takes {_takes(entry)}" for name in unknown]


def _explain(entry: Entry, args: dict[str, Any], exc: ValidationError) -> str:
    problems = "; ".join(_problem(error["loc"], error["type"], error["msg"]) for error in exc.errors(include_url=False))
    given = ", ".join(map(repr, args)) or "nothing"
    return f"{entry.kind} {entry.name!r}: {problems}. It takes {_takes(entry)} and was given {given}"


def _takes(entry: Entry) -> str:
    return ", ".join(map(repr, entry.arguments.model_fields)) or "no arguments"


def _problem(loc: Iterable[str | int], kind: str, message: str) -> str:
    where = ".".join(str(part) for part in loc)
    match kind:
        case "missing":
            return f"argument {where!r} is missing"
        case _:
            return f"argument {where!r}: {message}"


REGISTRY = Registry()
"""Where the decorators below put things; workers and the API's spec check read it."""
tool = REGISTRY.tool
function = REGISTRY.function
