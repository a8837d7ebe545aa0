"""What a static check of flow starts from: declarations of tools, labels of inputs, and what may be sent where."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import structs

from schemas.errors import AgentFlowError
from schemas.labels.declarations import declared_source
from schemas.labels.label import TRUSTED, UNLABELLED, Integrity, Label, joined, label_of
from schemas.labels.mapped import Labels
from schemas.labels.paths import ANY, ROOT, Path, parse_path
from schemas.labels.servers import tool_key
from schemas.records.security.pinned import UNDECLARED, ToolSecurity
from schemas.spec.inputs.known_inputs import Arguments, any_arguments
from schemas.spec.model import ToolNode

USER = Label(Integrity.USER)
#: What the names of functions begin with among the declarations of tools.
FUNCTION = "function:"
_PURE = ToolSecurity(pure=True)
_NOBODY = Label(readers=frozenset())


@dataclass(frozen=True, slots=True)
class Ground:
    """The facts of an organisation that a check is made with.

    ``tools`` are declarations by name; a tool without one is ``UNDECLARED``. ``inputs`` are labels of a run's inputs by
    path, ``$.name`` each, as the least trusted door gives them; ``signals`` those of signals' data. ``control`` is the
    label of what may start a run. ``closed`` are the nodes, by workflow, whose answers count as trusted since their
    schema has no room for free text. ``providers`` are those that may have data of a class; a class without a row may
    go to all. Arguments that are sinks must be at least as trusted as ``least``; ``arguments`` knows which ones a call
    takes, since those that it does not name are dropped.
    """

    tools: Mapping[str, ToolSecurity] = field(default_factory=dict)
    inputs: Labels = field(default_factory=lambda: Labels.of_whole(USER))
    signals: Label = USER
    control: Label = TRUSTED
    closed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    providers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    least: Integrity = Integrity.USER
    arguments: Arguments = any_arguments

    def tool(self, name: str) -> ToolSecurity:
        """Return what is declared of a tool."""
        return self.tools.get(name, UNDECLARED)

    def called(self, node: ToolNode) -> ToolSecurity:
        """Return what is declared of what a node calls: of an MCP server, where that has a label of its own."""
        found = self.tools.get(tool_key(node.config.tool_name, node.config.tool_config))
        return self.tool(node.config.tool_name) if found is None else found

    def function(self, name: str) -> ToolSecurity:
        """Return what is declared of a function; without a word it depends on its arguments alone."""
        return self.tools.get(f"{FUNCTION}{name}", _PURE)


def as_called(tool: ToolSecurity, node: ToolNode) -> ToolSecurity:
    """Return what a node's call of a tool is: without effects where its arguments, as they are written, only read."""
    given = {**(node.config.inputs or {}), **node.config.tool_args}
    written = {name: given.get(name, "") for name in tool.reads_when}
    reads = all(isinstance(one, str) and one in tool.reads_when[name] for name, one in written.items())
    return structs.replace(tool, effects=False) if tool.reads_when and reads else tool


def source_of(tool: ToolSecurity) -> Labels:
    """Return the labels that a tool's result has by its declaration alone.

    Who may read a field is known by a call's result only, so nobody is known to. A label that cannot be read is the
    least trusted (``unreadable`` names it).
    """
    try:
        whole = declared_source(tool)
        if not tool.declared:
            return Labels.of_whole(whole)
        places: dict[Path, Label] = {parse_path(path): label_of(words) for path, words in tool.fields.items()}
        places = {ROOT: whole} | places
        readers = [parse_path(text) for text in tool.readers]
        if any(ANY in path for path in readers):
            # Each place of a result gets a label of its own, and of very many all get what they have together.
            return Labels.of_whole(joined(places.values()).join(_NOBODY))
        for path in readers:
            places[path] = Labels(places).nearest(path).join(_NOBODY)
        return Labels(places)
    except AgentFlowError:
        return Labels.of_whole(UNLABELLED)


def unreadable(tool: ToolSecurity) -> str:
    """Return why a tool's declaration cannot be read; empty when it can."""
    try:
        label_of(tool.source)
        for path, words in tool.fields.items():
            parse_path(path)
            label_of(words)
        for path in tool.readers:
            parse_path(path)
    except AgentFlowError as exc:
        return str(exc)
    return ""


def elements(labels: Labels) -> Labels:
    """Return labels that are as strict as those of every element of a list."""
    found = labels.at((ANY,))
    if any(path and path[0] is not ANY for path, _ in labels):
        # Some elements have labels of their own, and places of one say nothing of the others.
        return Labels.of_whole(found.whole.join(labels.root))
    return found


def listed(label: Label, element: Labels) -> Labels:
    """Return the labels of a list with this label of its own, each of whose elements may have the others.

    A value with very many labelled places has what they have together, and a list may have that many.
    """
    return Labels.of_whole(label.join(element.whole))
