"""Is a node right that no worker works on: a ``wait``, a ``switch`` (more of it in ``spec_flow``)."""

from collections.abc import Iterator

from schemas.errors import Problem
from schemas.references import parse_reference, parse_template
from schemas.spec import Node, SwitchNode, WaitConfig, WaitNode
from schemas.times import parse_time


def dynamic_problems(path: str, node: Node) -> Iterator[Problem]:
    """Yield what the document alone can tell of such a node; nothing for others. ``path`` is that of its config."""
    if isinstance(node, WaitNode):
        yield from _wait_problems(path, node.config)
    if isinstance(node, WaitNode | SwitchNode):
        yield from _no_timeout(path, node)


def _wait_problems(path: str, config: WaitConfig) -> Iterator[Problem]:
    if (config.duration_ms is None) == (config.until is None):
        both = "both" if config.until is not None else "neither"
        yield Problem(path, f"a wait says `duration_ms` or `until`, this one {both}", "write exactly one of them")
    until = config.until
    if until is None or parse_reference(until) is not None or parse_template(until).variables:
        return
    try:
        parse_time(until)
    except ValueError as exc:
        yield Problem(f"{path}.until", str(exc), "write a time with its offset, {{run_input}} or <node>.output")


def _no_timeout(path: str, node: Node) -> Iterator[Problem]:
    if node.policy.timeout_ms is not None:
        where = f"{path.removesuffix('config')}policy.timeout_ms"
        yield Problem(where, f"no worker works on a {node.type}, so there is nothing to time out", "remove it")
