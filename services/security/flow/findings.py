"""What the labels of a workflow may break: named with the way that the data takes, and with a fix."""

from collections.abc import Iterator
from dataclasses import replace

from schemas.labels.mapped import Labels
from schemas.records.security.pinned import ToolSecurity
from schemas.spec.model import AgentNode, ToolNode
from services.security.flow.finding import Finding, FlowRule
from services.security.flow.flows import CHOICE, Flow, NodeFlow, worst
from services.security.flow.ground import Ground, as_called, unreadable
from services.security.flow.judge import Judge, Said
from services.security.flow.providers import into, of_providers
from services.security.flow.values import INPUTS

_ENDORSE = "let a person approve it, or choose it from the answer of a quarantined node"


def findings_of(flow: Flow, ground: Ground, judge: Judge | None = None) -> list[Finding]:
    """Return what a run of a workflow may break, each thing once: by the policy of ``judge``, else by default."""
    if not flow.complete:
        said = "the workflow runs so many others that nobody can follow its data"
        return [Finding("too_large", "dag.nodes", "", "", (), said, "let fewer workflows run others")]
    found = (one for node in flow.nodes.values() for one in _of_node(flow, node, ground, judge))
    return list(dict.fromkeys(found))


def _of_node(flow: Flow, one: NodeFlow, ground: Ground, judge: Judge | None) -> Iterator[Finding]:
    node = one.node
    if isinstance(node, ToolNode):
        name = node.config.tool_name
        said = None if judge is None else _said_of_call(judge, flow, one, name, ground)
        yield from _judged(_of_call(flow, one, name, ground), said, one, f"{one.path}.config.tool_name", name)
    elif isinstance(node, AgentNode):
        for name in dict.fromkeys(one.tools):
            said = None if judge is None else _said_of_agent(judge, flow, one, name, ground)
            found = _of_agents_tool(flow, one, name, ground)
            yield from _judged(found, said, one, f"{one.path}.config.tools", name)
        yield from _of_two(flow, one, ground, judge)
    yield from of_providers(flow, one, ground, judge)
    if one.child is not None:
        yield from _of_child(flow, one, one.child, ground, judge)


def _said_of_call(judge: Judge, flow: Flow, one: NodeFlow, name: str, ground: Ground) -> Said:
    assert isinstance(one.node, ToolNode)
    tool, taken = as_called(ground.called(one.node), one.node), ground.arguments("tool", name)
    given = {str(path[0]) for path, _ in one.args if path}
    args = given if taken is None else given & taken
    return judge.tool(flow, one, name, tool, sorted(args), one.args)


def _said_of_agent(judge: Judge, flow: Flow, one: NodeFlow, name: str, ground: Ground) -> Said:
    tool, taken = ground.tool(name), ground.arguments("tool", name)
    args = sorted(tool.sinks if taken is None else taken)
    return judge.tool(flow, one, name, tool, args, Labels.of_whole(one.context or one.control))


def _judged(found: Iterator[Finding], said: Said | None, one: NodeFlow, path: str, name: str) -> Iterator[Finding]:
    """Yield what the policy does not allow. What only values can tell is said, and refuses nothing."""
    if said is None:
        yield from found
        return
    denied = said.verdict == "deny"
    shown = False
    for finding in found:
        if finding.rule in ("unreadable", "choice"):
            yield finding
        elif said.verdict in ("deny", "ask") or said.open:
            shown = True
            end = "" if not said.rules else f" ({said} {'denies it' if denied else 'asks a person first'})"
            yield replace(finding, said=f"{finding.said}{end}", asks=said.open or not denied)
    if denied and not shown:
        why = f": {said.reason}" if said.reason else ""
        text = f"node '{one.node.id}' ({name}): {said} of the policy denies it{why}"
        yield Finding(
            "policy", path, one.node.id, name, (), text, "use another tool, or let the policy allow it", asks=said.open
        )


def _of_call(flow: Flow, one: NodeFlow, name: str, ground: Ground) -> Iterator[Finding]:
    assert isinstance(one.node, ToolNode)
    tool, id_ = as_called(ground.called(one.node), one.node), one.node.id
    if why := unreadable(tool):
        yield _unreadable(one, name, why)
    who = f"node '{id_}' ({name})"
    for argument, kind in _sinks(tool, name, one, ground):
        label = one.argument(argument).whole
        if label.integrity <= ground.least:
            continue
        way = flow.way(id_, argument, ground.least)
        path = f"{one.path}.config.tool_args.{argument}"
        if tool.declared:
            said = f"{who}: argument '{argument}' ({kind}) may hold {worst(label)}"
            yield Finding("sink", path, id_, name, way, said, _sink_fix(flow, way))
        else:
            said = f"{who}: nothing is declared of this tool, and argument '{argument}' may hold {worst(label)}"
            yield Finding("undeclared", path, id_, name, way, said, f"declare what '{name}' does with its arguments")
    if tool.effects and one.control.integrity > ground.least:
        way = flow.way(id_, CHOICE, ground.least)
        said = f"{who}: {worst(one.control)} may decide whether it runs"
        yield Finding("choice", one.path, id_, name, way, said, f"decide by trusted data, or {_ENDORSE}")


def _sinks(tool: ToolSecurity, name: str, one: NodeFlow, ground: Ground) -> list[tuple[str, str]]:
    """Return the arguments of a call that decide its effect, with their kinds. What it says may be anybody's."""
    taken = ground.arguments("tool", name)
    given = {str(path[0]) for path, _ in one.args if path}
    others = sorted((given if taken is None else given & taken) - tool.sinks.keys()) if tool.effects else []
    return [*decisive(tool).items(), *((other, "unknown") for other in others)]


def decisive(tool: ToolSecurity) -> dict[str, str]:
    """Return the declared sinks of a tool that decide its effect, with their kinds."""
    return {name: kind for name, kind in tool.sinks.items() if kind != "content"}


def _of_agents_tool(flow: Flow, one: NodeFlow, name: str, ground: Ground) -> Iterator[Finding]:
    tool, id_ = ground.tool(name), one.node.id
    if why := unreadable(tool):
        yield _unreadable(one, name, why)
    if not tool.effects or one.context is None or one.context.integrity <= ground.least:
        return
    sinks = decisive(tool)
    if tool.declared and tool.sinks and not sinks:
        return
    what = ", ".join(f"'{argument}' ({kind})" for argument, kind in sinks.items()) or "each argument"
    end = ".".join([f"{id_}/{name}", *list(sinks)[:1]])
    said = f"agent '{id_}' may choose {what} of {name} by {worst(one.context)}"
    fix = f"let a policy ask for approval of {name}, or let an agent without it read what is untrusted"
    rule: FlowRule = "sink" if tool.declared else "undeclared"
    yield Finding(rule, f"{one.path}.config.tools", id_, name, (*into(flow, one, ground), end), said, fix)


def _of_two(flow: Flow, one: NodeFlow, ground: Ground, judge: Judge | None) -> Iterator[Finding]:
    """Find an agent that has all three of: untrusted data, private data, and an effect.

    It is a warning where the policy asks a person before each effect, or denies it.
    """
    effects = [name for name in dict.fromkeys(one.tools) if ground.tool(name).effects]
    context = one.context
    if not effects or context is None or context.integrity <= ground.least or not context.classes:
        return
    classes = ", ".join(sorted(context.classes))
    said = f"agent '{one.node.id}' reads {worst(context)}, knows private data ({classes}) and may call {effects[0]}"
    fix = "leave out one of the three: split the agent, or let a person approve the effect"
    way = (*into(flow, one, ground), one.node.id)
    asks = judge is not None and all(
        _said_of_agent(judge, flow, one, name, ground).verdict in ("ask", "deny") for name in effects
    )
    yield Finding("rule_of_two", f"{one.path}.config.tools", one.node.id, effects[0], way, said, fix, asks=asks)


def _of_child(flow: Flow, one: NodeFlow, child: Flow, ground: Ground, judge: Judge | None) -> Iterator[Finding]:
    id_, spec = one.node.id, child.resolved.spec
    for inner in findings_of(child, ground, judge):
        way = tuple(f"{id_}/{place}" for place in inner.way)
        if inner.way and inner.way[0].split(".")[0] == INPUTS:
            argument = inner.way[0].partition(".")[2] or "*"
            if inner.data_class:
                way = (*flow.class_way(id_, argument, inner.data_class), *way[1:])
            else:
                way = (*flow.way(id_, argument, ground.least), *way[1:])
        elif inner.data_class:
            pass  # It comes in inside of that workflow.
        elif inner.way and inner.way[0] not in child.nodes and "/" not in inner.way[0]:
            way = (*flow.way(id_, CHOICE, ground.least), *way[1:])
        within = (f"{spec.name} version {spec.version}", *inner.within)
        yield replace(inner, path=f"{one.path}.config.workflow", node=id_, way=way, within=within)


def _unreadable(one: NodeFlow, name: str, why: str) -> Finding:
    said = f"the declaration of the tool '{name}' cannot be read: {why}"
    return Finding("unreadable", one.path, one.node.id, name, (), said, f"correct what '{name}' declares")


def _sink_fix(flow: Flow, way: tuple[str, ...]) -> str:
    first = flow.nodes.get(way[0])
    if first is not None and isinstance(first.node, ToolNode):
        return f"declare which fields of '{first.node.config.tool_name}' are trusted, {_ENDORSE}"
    return f"give it trusted data, {_ENDORSE}"
