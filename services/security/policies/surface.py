"""What a workflow, with those that it starts, may call; and which of its nodes answer under a closed schema."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from schemas.labels.servers import server_of, tool_key
from schemas.policies.closed_schemas import is_closed
from schemas.prompts.effective import effective
from schemas.spec.check.nodes import queue_of
from schemas.spec.loops import every_node
from schemas.spec.model import AgentNode, FunctionNode, LlmNode, Node, ResolvedSpec, ToolNode


@dataclass(frozen=True, slots=True)
class Surface:
    """Names of tools, functions, and closed nodes by the workflow.

    ``queued`` are the queues on which a tool is called, as nodes name them, with ``""`` for workers of ours; tools that
    only these have are not there. ``quarantined`` are those closed nodes that the workflow keeps apart,
    ``servers`` the MCP servers that nodes call.
    """

    tools: frozenset[str]
    queued: Mapping[str, frozenset[str]]
    functions: Mapping[str, frozenset[str]]
    closed: Mapping[str, frozenset[str]]
    quarantined: Mapping[str, frozenset[str]]
    servers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, resolved: ResolvedSpec) -> "Surface":
        """Return what a workflow may call. Agents may get the tools of any version of their prompts."""
        places: dict[str, set[str]] = defaultdict(set)
        servers: set[str] = set()
        functions: dict[str, set[str]] = defaultdict(set)
        closed: dict[str, set[str]] = defaultdict(set)
        opened: dict[str, set[str]] = defaultdict(set)
        free: dict[str, set[str]] = defaultdict(set)
        for one in (resolved, *resolved.children.values()):
            for name in (name for prompt in one.prompts.values() if prompt.form for name in prompt.form.tools):
                places[name].add("")
            for node in every_node(one.spec.dag.nodes):
                for kind, name in _calls(node):
                    if kind == "function":
                        functions[name].add(one.spec.name)
                        continue
                    servers.update(_server(node))
                    places[name].add(queue_of(node) or "")
                (closed if _answers_closed(node, one) else opened)[one.spec.name].add(node.id)
                if not _is_quarantined(node):
                    free[one.spec.name].add(node.id)
        # Two versions of one workflow may have a node of the same name.
        certain = {name: nodes - opened[name] for name, nodes in closed.items()}
        kept = {name: nodes - free[name] for name, nodes in certain.items()}
        queued = {name: queues for name, queues in places.items() if queues != {""}}
        return cls(
            frozenset(places),
            _frozen(queued),
            _frozen(functions),
            _frozen(certain),
            _frozen(kept),
            frozenset(servers),
        )


def _calls(node: Node) -> Iterator[tuple[Literal["tool", "function"], str]]:
    if isinstance(node, ToolNode):
        yield "tool", node.config.tool_name
    elif isinstance(node, FunctionNode):
        yield "function", node.config.function_name
    elif isinstance(node, AgentNode):
        yield from (("tool", name) for name in node.config.tools)


def _server(node: Node) -> Iterator[str]:
    if isinstance(node, ToolNode) and (server := server_of(tool_key(node.config.tool_name, node.config.tool_config))):
        yield server


def _answers_closed(node: Node, resolved: ResolvedSpec) -> bool:
    """Return whether every prompt that a node may get makes it answer under a closed schema."""
    if not isinstance(node, LlmNode | AgentNode):
        return False
    ref = node.config.prompt_ref
    name = ref.partition("@")[0]
    found = (prompt for key, prompt in resolved.prompts.items() if key == ref or prompt.name == name)
    schemas = [effective(node, prompt).output_schema for prompt in found]
    return bool(schemas) and all(map(is_closed, schemas))


def _is_quarantined(node: Node) -> bool:
    return isinstance(node, LlmNode) and node.config.quarantined


def _frozen(found: Mapping[str, set[str]]) -> dict[str, frozenset[str]]:
    return {name: frozenset(values) for name, values in found.items()}
