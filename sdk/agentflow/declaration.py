"""The decorators ``tool`` and ``function``: they attach a plain description, which the application reads."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypedDict, TypeVar, overload

#: The attribute of a decorated object that holds its ``Declaration``.
ATTRIBUTE = "__agentflow__"

Kind = Literal["tool", "function"]
Isolation = Literal["thread", "process"]
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
    reconcile: Callable[..., Any] | None = None,
) -> Callable[[_F], _F]: ...
def tool(name: str | Callable[..., Any] = "", **options: Any) -> Any:
    """Declare a tool: it may have effects outside, and is called under a lease.

    Its name is ``name``, or that of the function. ``isolation="process"`` runs plain calls in a process of their own,
    ``memory_mb`` bounds the memory of one call, ``blocking=False`` runs a call of under a millisecond in the event
    loop. ``codes`` are the error codes that it raises itself. ``reconcile`` looks up a call with an unknown outcome.
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
) -> Callable[[_F], _F]: ...
def function(name: str | Callable[..., Any] = "", **options: Any) -> Any:
    """Declare a pure function: its result depends on its arguments only. For the options see ``tool``."""
    return _declared("function", name, options)


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
