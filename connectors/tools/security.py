"""What decorators declare of a tool's security, as ``ToolSecurity``.

::

    @tool("mail.read", source="third_party", fields={"$.contacts": "user"}, readers="$.participants", effects=False)
    async def read(*, folder: str) -> dict[str, Any]: ...


    @tool("mail.send", source="trusted", effects=True, sinks={"to": "recipient", "body": "content"})
    async def send(context: ToolContext, *, to: list[str], body: str) -> str: ...

A tool of which nothing is declared may have effects, each of its arguments is a sink, and what it gives is trusted
least. A function is pure: what it gives is as trusted as what it was given.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from schemas.labels.declarations import declaration_problems
from schemas.labels.paths import ROOT, format_path
from schemas.records.security.pinned import UNDECLARED, SinkKind, ToolSecurity

Words = str | Iterable[str]


class SecurityOptions(TypedDict, total=False):
    """The options of a decorator.

    ``source``: labels of what the tool gives, one word or several. ``fields``: the same of parts of it, by path.
    ``readers``: the path of the field that lists who may read it, or such paths by the part that each is about.
    ``effects``: it changes something outside. ``sinks``: what an effect does with an argument, by name.
    ``reads_when``: values of arguments with which a call only reads; ``""`` stands for one that is not given.
    ``pure``: its result depends on its arguments alone. ``endorses``: its result is trusted whatever it was given.
    """

    source: Words
    fields: Mapping[str, Words]
    readers: str | Mapping[str, str]
    effects: bool
    sinks: Mapping[str, SinkKind]
    reads_when: Mapping[str, Iterable[str]]
    pure: bool
    endorses: bool


PURE = ToolSecurity(pure=True)
#: What functions may declare: they have no effects and come from nowhere.
_OF_FUNCTIONS = frozenset({"pure", "endorses"})


def declared_security(what: str, options: SecurityOptions, arguments: frozenset[str] | None) -> ToolSecurity:
    """Return what is declared of ``what``, such as ``tool 'mail.send'``, which takes ``arguments`` (``None``: any).

    Raises ``TypeError`` with all problems.
    """
    is_function = what.startswith("function")
    if not options:
        return PURE if is_function else UNDECLARED
    problems = list(_wrong_options(is_function, options))
    if not problems:
        found = _read(is_function, options)
        problems = [str(one) for one in declaration_problems(found, arguments)]
        if not problems:
            return found
    raise TypeError(f"{what}: {'; '.join(problems)}")


def _wrong_options(is_function: bool, options: SecurityOptions) -> Iterable[str]:
    if unknown := options.keys() - SecurityOptions.__annotations__.keys():
        yield f"{min(unknown)!r} is no option; of its security it takes {', '.join(SecurityOptions.__annotations__)}"
        return
    if is_function and (taken := options.keys() - _OF_FUNCTIONS):
        yield f"{min(taken)!r} is not for functions, which are pure; register it as a tool"
    if is_function and not options.get("pure", True):
        yield "a function is pure; register it as a tool"
    yield from _wrong_types(options)
    if not is_function and not any(options.get(one) for one in ("pure", "sinks")) and "effects" not in options:
        yield "say effects=True if a call changes anything outside, effects=False if it only reads"


def _wrong_types(options: SecurityOptions) -> Iterable[str]:
    for name, value in options.items():
        if name in ("effects", "pure", "endorses") and not isinstance(value, bool):
            yield f"{name}={value!r} is neither True nor False"
        elif name in ("fields", "sinks", "reads_when") and not isinstance(value, Mapping):
            yield f"{name}={value!r} is no mapping; write {name}={{...}}"
        elif name == "readers" and not isinstance(value, str | Mapping):
            yield f"readers={value!r} is neither a path nor a mapping of paths"
        elif name == "source" and (not isinstance(value, Iterable) or not all(isinstance(one, str) for one in value)):
            yield f"source={value!r} is neither a word of a label nor a list of them"


def _read(is_function: bool, options: SecurityOptions) -> ToolSecurity:
    readers = options.get("readers", {})
    sinks = dict(options.get("sinks", {}))
    return ToolSecurity(
        source=_words(options.get("source", ())),
        fields={path: _words(words) for path, words in options.get("fields", {}).items()},
        readers={format_path(ROOT): readers} if isinstance(readers, str) else dict(readers),
        effects=options.get("effects", bool(sinks)),
        sinks=sinks,
        reads_when={name: [str(one) for one in values] for name, values in options.get("reads_when", {}).items()},
        pure=is_function or options.get("pure", False),
        endorses=options.get("endorses", False),
    )


def _words(words: Words) -> list[str]:
    return [words] if isinstance(words, str) else list(words)


def shown(security: ToolSecurity) -> dict[str, Any]:
    """Return a declaration as the API shows it."""
    return {name: getattr(security, name) for name in ToolSecurity.__struct_fields__}
