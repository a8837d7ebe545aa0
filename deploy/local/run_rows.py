"""A run as rows to show: one for each step, and one for all children of a mapped node. No I/O."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from schemas.run_states import TERMINAL_RUN, TERMINAL_STEP
from schemas.spec.loops import iteration_step

RunJson = Mapping[str, Any]
"""A run as ``GET /api/v1/workflows/runs/{id}`` answers it."""

STYLES = {
    "succeeded": "green",
    "failed": "bold red",
    "canceled": "yellow",
    "skipped": "dim",
    "running": "cyan",
    "waiting": "yellow",
}
"""How rich shows a state."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a run: a step, or all children of a mapped node together."""

    name: str
    state: str
    style: str
    attempts: int
    input_tokens: int
    output_tokens: int
    cost: Decimal
    route: str
    mapped: bool = False
    ended: bool = False


def rows(run: RunJson) -> list[Row]:
    """Return a run's lines, in the order of its steps; the children of a mapped node are one line.

    A node inside of a loop has one line for each iteration.
    """
    by_node: dict[str, list[Mapping[str, Any]]] = {}
    for step in run.get("steps") or ():
        by_node.setdefault(str(step.get("node_id") or step["id"]), []).append(step)
    found: list[Row] = []
    for node, steps in by_node.items():
        children = [step for step in steps if str(step["id"]).startswith(f"{node}[")]
        inside = [step for step in steps if iteration_step(str(step["id"])) is not None]
        found += [_mapped(node, children)] if children else map(_single, inside or steps[:1])
    return found


def total(run: RunJson) -> Row:
    """Return the whole run as one line."""
    given, made = _tokens(run)
    status = str(run.get("status"))
    return Row(title(run), status, "", 0, given, made, _cost(run), "", ended=status in TERMINAL_RUN)


def costs_by_route(run: RunJson) -> dict[str, Decimal]:
    """Return what a run's steps spent in US dollars, by ``provider/model``."""
    spent: dict[str, Decimal] = {}
    for step in run.get("steps") or ():
        if route := _route(step):
            spent[route] = spent.get(route, Decimal(0)) + _cost(step)
    return dict(sorted(spent.items()))


def cost_of_children(run: RunJson) -> Decimal:
    """Return the cost, in US dollars, of the runs that a run started and waited for."""
    return Decimal(str(run.get("children_cost_usd") or "0"))


def money(amount: Decimal) -> str:
    """Render US dollars exactly, with at least the cents."""
    text = format(amount.normalize(), "f")
    whole, _, decimals = text.partition(".")
    return f"${whole}.{decimals:0<2}"


def title(run: RunJson) -> str:
    """Return a run's workflow, and its document if its tags or inputs name one."""
    tags, inputs = run.get("tags") or {}, run.get("inputs") or {}
    document = tags.get("document") or inputs.get("document_key")
    name = str(run.get("workflow_name") or run["id"])
    return f"{name} ({document})" if document else name


def _single(step: Mapping[str, Any]) -> Row:
    state = str(step.get("status"))
    waiting = step.get("waiting")
    said = f"waiting for {waiting['on']}" if waiting and waiting.get("on") else state
    if step.get("note"):
        said += f" ({step['note']})"
    if step.get("cached"):
        said += " (cached)"
    given, made = _tokens(step)
    return Row(
        name=str(step["id"]),
        state=said,
        style=STYLES.get(state, ""),
        attempts=int(step.get("attempts") or 0),
        input_tokens=given,
        output_tokens=made,
        cost=_cost(step),
        route=_route(step),
        ended=state in TERMINAL_STEP,
    )


def _mapped(node: str, children: Sequence[Mapping[str, Any]]) -> Row:
    states = Counter(str(child.get("status")) for child in children)
    done = states["succeeded"]
    others = [f"{states[state]} {state}" for state in ("running", "waiting", "failed", "canceled") if states[state]]
    tokens = [_tokens(child) for child in children]
    return Row(
        name=f"{node}[0..{len(children) - 1}]",
        state=", ".join([f"{done}/{len(children)} done", *others]),
        style=STYLES["failed" if states["failed"] else "succeeded" if done == len(children) else "running"],
        attempts=max(int(child.get("attempts") or 0) for child in children),
        input_tokens=sum(given for given, _ in tokens),
        output_tokens=sum(made for _, made in tokens),
        cost=sum((_cost(child) for child in children), Decimal(0)),
        route=", ".join(sorted({route for child in children if (route := _route(child))})),
        mapped=True,
        ended=all(state in TERMINAL_STEP for state in states),
    )


def _tokens(thing: Mapping[str, Any]) -> tuple[int, int]:
    tokens = thing.get("tokens") or {}
    return int(tokens.get("input") or 0), int(tokens.get("output") or 0)


def _cost(thing: Mapping[str, Any]) -> Decimal:
    return Decimal(str(thing.get("cost_usd") or "0"))


def _route(step: Mapping[str, Any]) -> str:
    provider, model = step.get("provider"), step.get("model")
    return f"{provider}/{model}" if provider and model else ""
