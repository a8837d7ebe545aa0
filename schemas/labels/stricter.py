"""Two declarations of one tool, such as of a policy and of the queue that has it: what both say, and nothing laxer."""

from functools import reduce

from msgspec.structs import replace

from schemas.labels.declarations import declared_source
from schemas.labels.label import TRUSTED, UNLABELLED, Label, joined, label_of
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT, format_path, parse_path
from schemas.records.security.pinned import UNDECLARED, SinkKind, ToolSecurity

#: Nobody may read what has it.
_NOBODY = Label(readers=frozenset())


def strictest(first: ToolSecurity, *others: ToolSecurity) -> ToolSecurity:
    """Return the declaration of a tool of which all of these are declared. Undeclared is stricter than all else, and
    keeps the classes and the readers of what the others give as its ``source``.

    What endorses is that of the first: another declaration cannot say it.
    """
    return reduce(_stricter, others, first)


def _stricter(first: ToolSecurity, second: ToolSecurity) -> ToolSecurity:
    if first == second:
        return first
    if not (first.declared and second.declared):
        return _undeclared(first, second)
    pure = first.pure and second.pure
    places, readers = _places(first).join(_places(second)), dict(first.readers)
    for path, named in second.readers.items():
        if readers.setdefault(path, named) != named:
            # Two fields name its readers: only who is in both may read it, and which these are no field says.
            del readers[path]
            places = places.join(Labels({ROOT: TRUSTED, parse_path(path): _NOBODY}))
    return replace(
        first,
        source=[] if pure and places.root == TRUSTED else places.root.words,
        fields={format_path(path): label.words for path, label in places if path != ROOT},
        readers=readers,
        effects=first.effects or second.effects,
        sinks=_sinks(first, second),
        pure=pure,
        reads_when=_reads_when(first, second),
    )


def _undeclared(first: ToolSecurity, second: ToolSecurity) -> ToolSecurity:
    """Return a declaration that is none but for the classes and readers that are known of one of both."""
    limits = [_NOBODY for one in (first, second) if one.readers]
    found = joined((_places(first).whole, _places(second).whole, *limits))
    kept = Label(UNLABELLED.integrity, found.classes, found.readers, UNLABELLED.origins)
    return UNDECLARED if kept == UNLABELLED else replace(UNDECLARED, source=kept.words)


def _places(declared: ToolSecurity) -> Labels:
    return Labels(
        {ROOT: declared_source(declared)}
        | {parse_path(path): label_of(words) for path, words in declared.fields.items()}
    )


def _sinks(first: ToolSecurity, second: ToolSecurity) -> dict[str, SinkKind]:
    """Return the sinks that both declare. One that they do not agree on is unknown, which is judged most strictly."""
    if not first.effects or not second.effects:
        return first.sinks or second.sinks
    found = {}
    for argument in first.sinks.keys() & second.sinks.keys():
        kinds = {first.sinks[argument], second.sinks[argument]}
        decided = kinds - {"content"} or kinds
        if len(decided) == 1:
            found[argument] = decided.pop()
    return dict(sorted(found.items()))


def _reads_when(first: ToolSecurity, second: ToolSecurity) -> dict[str, list[str]]:
    if not first.effects or not second.effects:
        return first.reads_when or second.reads_when
    return first.reads_when if first.reads_when == second.reads_when else {}
