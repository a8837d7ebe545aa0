"""The decorators ``tool``, ``function``, ``scorer``: they attach a plain description, which the application reads."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypedDict, TypeVar, Unpack, overload

#: The attribute of a decorated object that holds its ``Declaration``.
ATTRIBUTE = "__agentflow__"

Kind = Literal["tool", "function"]
Isolation = Literal["thread", "process"]
Sink = Literal["recipient", "url", "amount", "path", "command", "content"]
_F = TypeVar("_F", bound=Callable[..., Any])


class Argument(TypedDict):
    """A parameter as its signature has it; ``annotation`` is its source text, empty without one."""

    name: str
    annotation: str
    required: bool


class Declaration(TypedDict):
    """What a decorator was told. ``options`` has only what was given: the worker's settings decide the rest."""

    kind: Kind
    name: str
    arguments: list[Argument]
    options: Mapping[str, Any]


class PureSecurity(TypedDict, total=False):
    """What policies know of a function. ``endorses``: its result is trusted whatever it was given."""

    endorses: bool


class Security(PureSecurity, total=False):
    """What policies know of a tool; of one that says nothing, they assume the worst.

    ``source``: the label of what it gives (``trusted``, ``user``, ``third_party`` or ``web``, and ``class:pii`` and
    such), one word or several. ``fields``: the same of parts of it, by path. ``readers``: the path of the field that
    lists who may read it, or such paths by the part that each is about. ``effects``: it changes something outside.
    ``sinks``: what an effect does with an argument, by name. ``reads_when``: values of arguments with which a call only
    reads; ``""`` stands for one that is not given. ``pure``: its result depends on its arguments alone.
    """

    source: str | Iterable[str]
    fields: Mapping[str, str | Iterable[str]]
    readers: str | Mapping[str, str]
    effects: bool
    sinks: Mapping[str, Sink]
    reads_when: Mapping[str, Iterable[str]]
    pure: bool


@overload
def tool(name: _F) -> _F: ...
@overload
def tool(
    name: str = "",
    *,
    blocking: bool | None = None,
    isolation: Isolation | None = None,
    memory_mb: int | None = None,
    codes: Iterable[str] | None = None,
    secrets: Iterable[str] | None = None,
    reconcile: Callable[..., Any] | None = None,
    args_schema: Mapping[str, Any] | None = None,
    result_schema: Mapping[str, Any] | None = None,
    **security: Unpack[Security],
) -> Callable[[_F], _F]: ...
def tool(name: str | Callable[..., Any] = "", **options: Any) -> Any:
    """Declare a tool: it may have effects outside, and is called under a lease.

    Its name is ``name``, or that of the function. ``isolation="process"`` runs plain calls in a process of their own,
    ``memory_mb`` bounds the memory of one call, ``blocking=False`` runs a call of under a millisecond in the event
    loop. ``codes`` are the error codes that it raises itself, ``secrets`` those of
    the organisation that it asks its context for. ``reconcile`` looks up a call with an unknown outcome.
    ``args_schema`` and ``result_schema`` are JSON schemas that its arguments and its result must follow, too; models
    are shown the former. The others are what policies know of it, see ``Security``.
    """
    return _declared("tool", name, options)


@overload
def function(name: _F) -> _F: ...
@overload
def function(
    name: str = "",
    *,
    blocking: bool | None = None,
    isolation: Isolation | None = None,
    memory_mb: int | None = None,
    codes: Iterable[str] | None = None,
    args_schema: Mapping[str, Any] | None = None,
    result_schema: Mapping[str, Any] | None = None,
    **security: Unpack[PureSecurity],
) -> Callable[[_F], _F]: ...
def function(name: str | Callable[..., Any] = "", **options: Any) -> Any:
    """Declare a pure function: its result depends on its arguments only. For the options see ``tool``."""
    return _declared("function", name, options)


@overload
def scorer(name: _F) -> _F: ...
@overload
def scorer(
    name: str = "",
    *,
    blocking: bool | None = None,
    isolation: Isolation | None = None,
    memory_mb: int | None = None,
) -> Callable[[_F], _F]: ...
def scorer(name: str | Callable[..., Any] = "", **options: Any) -> Any:
    """Declare a scorer of answers: a pure function, which scorers of kind ``custom`` name.

    It takes ``output``, ``expected`` and ``inputs`` of a case and returns a bool, a number from 0 to 1, or an object
    with ``score`` and ``note``. What it raises is no score, and never a 0. For the options see ``function``.
    Raises ``TypeError`` for other arguments.
    """
    declared = _declared("function", name, options)
    if isinstance(name, str):
        return lambda made_of: _checked_scorer(declared(made_of))
    return _checked_scorer(declared)


def _checked_scorer(made_of: _F) -> _F:
    """Return a declared function. Raises ``TypeError`` unless it can be called with what scorers are given."""
    declaration: Declaration = getattr(made_of, ATTRIBUTE)
    parameters = list(inspect.signature(made_of).parameters.values())
    given, names = {"output", "expected", "inputs"}, {one.name for one in parameters}
    takes_all = any(one.kind is one.VAR_KEYWORD for one in parameters)
    required = {one["name"] for one in declaration["arguments"] if one["required"]}
    if required - given or not (takes_all or given <= names):
        fix = f"write def {declaration['name']}(*, output, expected, inputs)"
        raise TypeError(f"the scorer {declaration['name']!r} takes {', '.join(sorted(names)) or 'nothing'}; {fix}")
    return made_of


def _declared(kind: Kind, name: str | Callable[..., Any], options: Mapping[str, Any]) -> Any:
    if not isinstance(name, str):
        return _attach(kind, name.__name__, name, {})
    given = {option: value for option, value in options.items() if value is not None}
    return lambda made_of: _attach(kind, name or made_of.__name__, made_of, given)


def _attach(kind: Kind, name: str, made_of: _F, options: Mapping[str, Any]) -> _F:
    declaration = Declaration(kind=kind, name=name, arguments=_arguments(made_of), options=options)
    setattr(made_of, ATTRIBUTE, declaration)
    return made_of


def _arguments(made_of: Callable[..., Any]) -> list[Argument]:
    called = made_of.__call__ if inspect.isclass(made_of) else made_of
    parameters = list(inspect.signature(called).parameters.values())
    return [
        Argument(
            name=parameter.name,
            annotation=""
            if parameter.annotation is parameter.empty
            else inspect.formatannotation(parameter.annotation),
            required=parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD,
        )
        for parameter in parameters[1 if inspect.isclass(made_of) else 0 :]
    ]
