"""What is declared of a tool: the label of what it gives, and whether its labels, paths and sinks mean something."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import get_args

from schemas.errors import AgentFlowError, Problem
from schemas.labels.label import INTEGRITIES, TRUSTED, UNLABELLED, Label, label_of
from schemas.labels.paths import parse_path
from schemas.records.security.pinned import SinkKind, ToolSecurity

SINK_KINDS: tuple[str, ...] = get_args(SinkKind)
#: Fields, readers and sinks of one tool. A tool has few arguments, and a declaration travels with every run.
MAX_PARTS = 64
_WORDS = f"a label is one of {', '.join(INTEGRITIES)}, and class:<name>, reader:<id>, readers or from:<origin>"


def declared_source(declared: ToolSecurity, read: Callable[[list[str]], Label] = label_of) -> Label:
    """Return the label of what a tool brings in, by its declaration alone; of its fields ``fields`` says more.

    ``read`` returns the label of words. Raises what it raises, ``BadRecord`` for words that are no label.
    """
    if declared.source:
        return read(declared.source) if declared.declared else UNLABELLED.join(read(declared.source))
    return TRUSTED if declared.declared and (declared.pure or declared.endorses) else UNLABELLED


def declaration_problems(
    declared: ToolSecurity, arguments: frozenset[str] | None = None, at: str = ""
) -> Iterator[Problem]:
    """Yield what is wrong with a declaration, with the fix. ``arguments`` are all that the tool takes, if these are
    known; ``at`` is the path of the declaration in the document that has it.
    """
    prefix = f"{at}." if at else ""
    yield from _words(f"{prefix}source", declared.source)
    for path, words in declared.fields.items():
        yield from _path(f"{prefix}fields", path)
        yield from _words(f"{prefix}fields[{path!r}]", words)
    for path, named in declared.readers.items():
        yield from _path(f"{prefix}readers", path)
        yield from _path(f"{prefix}readers[{path!r}]", named)
    for argument, sink in declared.sinks.items():
        if sink not in SINK_KINDS:
            yield Problem(
                f"{prefix}sinks[{argument!r}]", f"{sink!r} is no sink", f"write one of {', '.join(SINK_KINDS)}"
            )
    yield from _unknown(f"{prefix}sinks", declared.sinks, arguments)
    yield from _unknown(f"{prefix}reads_when", declared.reads_when, arguments)
    for name, parts in (("fields", declared.fields), ("readers", declared.readers), ("sinks", declared.sinks)):
        if len(parts) > MAX_PARTS:
            yield Problem(f"{prefix}{name}", f"has {len(parts)} parts, the most is {MAX_PARTS}", "name the parts above")
    yield from _contradictions(prefix, declared)


def _contradictions(prefix: str, declared: ToolSecurity) -> Iterator[Problem]:
    if declared.pure and (declared.effects or declared.sinks):
        yield Problem(
            f"{prefix}pure", "is declared of a tool with effects", "leave out `pure`, or `effects` and `sinks`"
        )
    if declared.pure and declared.source:
        yield Problem(
            f"{prefix}source", "is declared of a pure tool, which gives what it was given", "leave out one of them"
        )
    if declared.sinks and not declared.effects:
        yield Problem(
            f"{prefix}sinks", "are declared of a tool without effects", "write `effects: true`, or leave them out"
        )
    if declared.reads_when and not declared.effects:
        yield Problem(f"{prefix}reads_when", "is declared of a tool without effects", "write `effects: true`")


def _words(path: str, words: Iterable[str]) -> Iterator[Problem]:
    for word in words:
        try:
            label_of([word])
        except AgentFlowError:
            yield Problem(path, f"{word[:80]!r} is no word of a label", _WORDS)


def _path(where: str, path: str) -> Iterator[Problem]:
    try:
        parse_path(path)
    except AgentFlowError:
        yield Problem(where, f"{path[:80]!r} is no path", 'write it like $.list[*].name or $["a key"]')


def _unknown(path: str, named: Mapping[str, object], arguments: frozenset[str] | None) -> Iterator[Problem]:
    if arguments is None:
        return
    takes = ", ".join(sorted(arguments)) or "none"
    for name in named:
        if name not in arguments:
            yield Problem(path, f"{name!r} is no argument of the tool", f"it takes {takes}")
