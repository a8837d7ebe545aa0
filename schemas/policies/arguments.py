"""The arguments of a call: their labels, what its effect does with them, and whether it has one."""

from collections.abc import Iterable, Mapping

from schemas.labels.label import TRUSTED, Label
from schemas.labels.mapped import Labels
from schemas.labels.paths import Wild
from schemas.records.base import Json
from schemas.records.security.pinned import ToolSecurity

#: The kind of sink of an argument of which nothing is declared, where the call has effects.
UNKNOWN_SINK = "unknown"


def argument_labels(names: Iterable[str], labels: Labels) -> dict[str, Label]:
    """Return ``labels.at((name,)).whole`` of each name, in one pass over the places."""
    below: dict[str, Label] = {}
    wild = TRUSTED
    labelled: set[str] = set()
    all_labelled = False
    for place, label in labels:
        if not place:
            continue
        first = place[0]
        if isinstance(first, Wild):
            wild = wild.join(label)
            all_labelled = all_labelled or len(place) == 1
        elif isinstance(first, str):
            below[first] = below[first].join(label) if first in below else label
            if len(place) == 1:
                labelled.add(first)
    root = labels.root
    found = {}
    for name in names:
        label = wild.join(below[name]) if name in below else wild
        # What has no label of its own has that of the whole.
        found[name] = label if all_labelled or name in labelled else label.join(root)
    return found


def has_effects(tool: ToolSecurity, args: Mapping[str, Json]) -> bool:
    """Return whether a call may change the world: it does not if its arguments are among those that only read.

    Values are compared as they are written, so another spelling of a method has effects.
    """
    if not tool.declared:
        return True
    reads = tool.reads_when and all(_said(args, name) in values for name, values in tool.reads_when.items())
    return tool.effects and not reads


def sink_of(tool: ToolSecurity, argument: str, *, effects: bool) -> str:
    """Return what a call does with an argument, ``""`` for nothing. ``effects`` is whether this call has any.

    What is not declared of a call with effects is ``unknown``. A declared sink is one of calls that only read, too.
    """
    return tool.sinks.get(argument) or (UNKNOWN_SINK if effects else "")


def _said(args: Mapping[str, Json], name: str) -> Json:
    value = args.get(name)
    return "" if value is None else value
