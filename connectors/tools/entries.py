"""One tool or function: its call, and the schemas of its arguments and its configuration, derived from type hints."""

import difflib
import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError

from connectors.tools.context import ToolContext
from connectors.tools.effects import Reconcile
from connectors.tools.security import declared_security, shown
from connectors.tools.value_schemas import (
    NO_SCHEMAS,
    DeclaredOptions,
    ValueSchemas,
    check_by_schema,
    taken_apart,
)
from schemas.errors import StepError
from schemas.records.security.pinned import UNDECLARED, ToolSecurity

ToolKind = Literal["tool", "function"]
Isolation = Literal["thread", "process"]
_SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Running:
    """How calls run: in a place of their own (``blocking``), of which kind, and within how much memory.

    Without ``isolation`` the worker's setting decides. ``codes`` are the error codes that calls raise themselves,
    ``secrets`` the names of the organisation's that they ask their context for. Raises ``TypeError`` for values that
    are none or contradict each other.
    """

    blocking: bool = True
    isolation: Isolation | None = None
    memory_mb: int | None = None
    codes: frozenset[str] = frozenset()
    secrets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.isolation not in (None, "thread", "process"):
            raise TypeError(f"isolation={self.isolation!r} is neither 'thread' nor 'process'; write one of the two")
        for name in self.secrets:
            if not _SECRET_NAME.fullmatch(name):
                raise TypeError(f"secrets has {name!r}, which is no name of a secret; write a name such as SHOP_KEY")
        if self.memory_mb is None:
            return
        if type(self.memory_mb) is not int or self.memory_mb < 1:
            raise TypeError(f"memory_mb={self.memory_mb!r} is no number of MiB; write a whole number such as 256")
        if self.isolation == "thread":
            raise TypeError("memory_mb cannot bound a thread; leave out isolation='thread'")


DEFAULT_RUNNING = Running()

#: How alike two names are of which one is the other misspelt: ``chunk_sise``, not ``text`` and ``texts_of``.
_MISSPELT = 0.8


@dataclass(frozen=True)
class Entry:
    """One tool or function. ``arguments`` checks its arguments; the parameter ``context_name`` gets the context.

    ``make`` is the registered object: the call itself or, with a ``config`` model, a class whose instances are called.
    ``reconcile`` is the hook of a plain call; a class has a method of that name.
    """

    name: str
    kind: ToolKind
    make: Callable[..., Any]
    arguments: type[BaseModel]
    config: type[BaseModel] | None
    context_name: str | None
    blocking: bool
    reconcile: Reconcile | None
    doc: str
    origin: str
    isolation: Isolation | None = None
    memory_mb: int | None = None
    codes: frozenset[str] = frozenset()
    secrets: tuple[str, ...] = ()
    security: ToolSecurity = UNDECLARED
    schemas: ValueSchemas = NO_SCHEMAS

    @property
    def quick(self) -> bool:
        """True if a call runs from start to end without waiting for anything."""
        isolated = self.isolation == "process" or self.memory_mb is not None
        return not self.blocking and not isolated and not inspect.iscoroutinefunction(self.called)

    @property
    def called(self) -> Callable[..., Any]:
        """The function behind the call."""
        return _called(self.make)

    @property
    def reconciles(self) -> bool:
        """True if it can look up a call with an unknown outcome."""
        return self.reconcile is not None or (inspect.isclass(self.make) and hasattr(self.make, "reconcile"))

    @property
    def open_ended(self) -> bool:
        """True if it accepts arguments that it does not name."""
        return self.arguments.model_config.get("extra") == "allow"

    def describe(self) -> dict[str, Any]:
        """Return its description: name, text, schemas of arguments and configuration, effect and security."""
        return {
            "name": self.name,
            "kind": self.kind,
            "summary": self.doc.partition("\n")[0],
            "doc": self.doc,
            "arguments": self.schemas.args or self.arguments.model_json_schema(),
            "config": self.config.model_json_schema() if self.config is not None else None,
            "effect": {
                "pure": self.kind == "function",
                "idempotency_key": self.context_name is not None,
                "reconcile": self.reconciles,
            },
            "security": shown(self.security),
        }


def make_entry(
    kind: ToolKind,
    name: str,
    made_of: Callable[..., Any],
    running: Running = DEFAULT_RUNNING,
    *,
    reconcile: Reconcile | None = None,
    declared: DeclaredOptions | None = None,
) -> Entry:
    """Return the entry of a function, or of a class that is called. Raises ``TypeError`` for an unsuitable object."""
    is_class = inspect.isclass(made_of)
    called = _called(made_of)
    arguments, context_name = _model(f"{kind} {name!r}", name, called, skip_first=is_class)
    config = _model(f"{kind} {name!r}", f"{name}.config", made_of.__init__, skip_first=True)[0] if is_class else None
    security, schemas = taken_apart(f"{kind} {name!r}", declared or {})
    takes = None if arguments.model_config.get("extra") == "allow" else frozenset(arguments.model_fields)
    return Entry(
        name=name,
        kind=kind,
        make=made_of,
        arguments=arguments,
        config=config,
        context_name=context_name,
        blocking=running.blocking and not inspect.iscoroutinefunction(called),
        reconcile=reconcile,
        doc=inspect.getdoc(made_of) or "",
        origin=_origin(made_of),
        isolation=running.isolation,
        memory_mb=running.memory_mb,
        codes=running.codes,
        secrets=running.secrets,
        security=declared_security(f"{kind} {name!r}", security, takes),
        schemas=schemas,
    )


def check_arguments(entry: Entry, args: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments as the call takes them. Raises a final ``StepError`` with code ``bad_arguments``: for those
    that its type hints refuse, and then those that its schema does.

    A step gets more than its node binds (the run's inputs, its predecessors' outputs, ``item`` and ``index``), so
    arguments that the call does not name are dropped. Names that a node binds itself are checked at registration.
    """
    try:
        checked = _checked(entry.arguments, args)
    except ValidationError as exc:
        raise StepError("bad_arguments", _explain(entry, args, exc)) from exc
    check_schema(entry, args)
    return checked


def check_schema(entry: Entry, args: dict[str, Any]) -> None:
    """Raise a final ``StepError`` ``bad_arguments`` for arguments that the schema of the call refuses."""
    if entry.schemas.args is not None:
        takes = None if entry.open_ended else entry.arguments.model_fields
        check_by_schema(f"{entry.kind} {entry.name!r}", entry.schemas.args, args, takes)


def check_config(entry: Entry, config: dict[str, Any]) -> dict[str, Any]:
    """Return a node's configuration as the class takes it. Raises a final ``StepError`` with code ``bad_config``."""
    if entry.config is None:
        if config:
            raise StepError("bad_config", f"{entry.kind} {entry.name!r} takes no configuration; remove it")
        return {}
    unknown = [name for name in config if name not in entry.config.model_fields]
    if unknown and entry.config.model_config.get("extra") != "allow":
        takes = _names(entry.config)
        raise StepError(
            "bad_config",
            f"{entry.kind} {entry.name!r} has no configuration {', '.join(map(repr, unknown))}; it takes {takes}",
        )
    try:
        return _checked(entry.config, config)
    except ValidationError as exc:
        problems = _problems(exc, "configuration")
        raise StepError("bad_config", f"{entry.kind} {entry.name!r}: {problems}") from exc


def unknown_arguments(entry: Entry, names: Iterable[str]) -> list[str]:
    """Return one sentence for each bound name that the call does not accept."""
    if entry.open_ended:
        return []
    unknown = [name for name in names if name not in entry.arguments.model_fields]
    takes = _names(entry.arguments)
    return [f"{entry.kind} {entry.name!r} has no argument {name!r}; it takes {takes}" for name in unknown]


def misspelt_arguments(entry: Entry, names: Iterable[str]) -> list[str]:
    """Return one sentence for each argument that is almost one that the call names, and not that one.

    A call that accepts any arguments would take it for an input of that name.
    """
    known = list(entry.arguments.model_fields)
    close = {name: difflib.get_close_matches(name, known, n=1, cutoff=_MISSPELT) for name in names if name not in known}
    return [
        f"{entry.kind} {entry.name!r} has no argument {name!r}; did you mean {found[0]!r}? An input of that name "
        "belongs in `inputs`"
        for name, found in close.items()
        if found
    ]


def _called(made_of: Callable[..., Any]) -> Callable[..., Any]:
    return made_of.__call__ if inspect.isclass(made_of) else made_of


def _model(what: str, name: str, call: Callable[..., Any], *, skip_first: bool) -> tuple[type[BaseModel], str | None]:
    """Return a model of a call's parameters, and the name of the one that takes the context."""
    hints = get_type_hints(call, include_extras=True) if hasattr(call, "__annotations__") else {}
    context_name: str | None = None
    extra: Literal["allow", "ignore"] = "ignore"
    fields: dict[str, Any] = {}
    for parameter in list(_parameters(call))[1 if skip_first else 0 :]:
        annotation = hints.get(parameter.name, Any)
        if annotation is ToolContext or _is_sdk_context(annotation):
            context_name = parameter.name
        elif parameter.kind is parameter.VAR_KEYWORD:
            extra = "allow"
        elif parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise TypeError(f"{what}: parameter {parameter.name!r} must be callable by keyword")
        else:
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[parameter.name] = (annotation, Field(default))
    try:
        return create_model(name, __config__=ConfigDict(extra=extra), **fields), context_name
    except PydanticUserError as exc:
        raise TypeError(f"{what}: no schema can be made of its type hints: {exc.message}") from exc


def _is_sdk_context(annotation: Any) -> bool:
    """Return true for the SDK's protocol of a context, which the application does not import."""
    return getattr(annotation, "__module__", "") == "agentflow.context" and annotation.__name__ == "ToolContext"


def _origin(made_of: Callable[..., Any]) -> str:
    named = made_of if hasattr(made_of, "__qualname__") else type(made_of)
    return f"{named.__module__}:{named.__qualname__}"


def _parameters(call: Callable[..., Any]) -> Iterable[inspect.Parameter]:
    if call is object.__init__:
        return [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    return inspect.signature(call).parameters.values()


def _checked(model: type[BaseModel], values: dict[str, Any]) -> dict[str, Any]:
    found = model.model_validate(values)
    given = found.model_fields_set
    return {field: value for field, value in found.__dict__.items() if field in given} | (found.model_extra or {})


def _explain(entry: Entry, args: dict[str, Any], exc: ValidationError) -> str:
    given = ", ".join(map(repr, args)) or "nothing"
    problems, takes = _problems(exc, "argument"), _names(entry.arguments)
    return f"{entry.kind} {entry.name!r}: {problems}. It takes {takes} and was given {given}"


def _problems(exc: ValidationError, what: str) -> str:
    said = []
    for error in exc.errors(include_url=False):
        where = ".".join(str(part) for part in error["loc"])
        ending = " is missing" if error["type"] == "missing" else f": {error['msg']}"
        said.append(f"{what} {where!r}{ending}")
    return "; ".join(said)


def _names(model: type[BaseModel]) -> str:
    return ", ".join(map(repr, model.model_fields)) or "nothing"
