"""Comparisons and causes as commands show them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentflow.cli.columns import Column, printable
from agentflow.cli.tables import lines
from agentflow.cli.units import usd
from agentflow.cli.views.traces import took

FACTORS = ("volume", "retries", "cache", "route", "tokens", "price")
_KINDS = {
    "inputs": "other inputs",
    "tool_result": "another result of a tool",
    "model": "another answer of the model",
    "route": "another route",
    "time": "time",
    "unknown": "unknown",
}
_MOST_ROWS = 20
_OUTPUT = 300


def more(amount: Any) -> str:
    """Return a difference of money with its sign; nothing for none."""
    text = str(amount)
    if text in {"0", ""}:
        return "="
    return f"-{usd(text[1:])}" if text.startswith("-") else f"+{usd(text)}"


def _side(step: Any, side: str, field: str) -> Any:
    return None if step[side] is None else step[side][field]


def _seconds(side: str) -> Column:
    return Column(side.upper(), "", lambda step: took(_side(step, side, "duration")), right=True)


def _money(side: str) -> Column:
    def show(step: Any) -> str:
        cost = _side(step, side, "cost_usd")
        return "" if cost in (None, "0") else usd(cost)

    return Column(f"COST {side.upper()}", "", show, right=True)


def _later(step: Any) -> str:
    a, b = _side(step, "a", "duration"), _side(step, "b", "duration")
    if a is None or b is None:
        return ""
    return f"{'+' if b >= a else '-'}{took(abs(b - a))}"


def _waits(side: str) -> Column:
    def show(step: Any) -> str:
        waited = _side(step, side, "waited")
        return took(waited) if waited else ""

    return Column(f"WAITED {side.upper()}", "", show, right=True)


_STEP = Column("STEP", "", lambda step: "  " * step["depth"] + (step["step"] or "the run"))
_VERDICT = Column("DIFFERS", "", lambda step: step["verdict"] or "")
_COSTS = (_STEP, _VERDICT, _money("a"), _money("b"))
_TIMES = (
    *(_STEP, _VERDICT, _seconds("a"), _seconds("b")),
    *(Column("LATER", "", _later, right=True), _waits("a"), _waits("b")),
)


def diff_lines(found: Mapping[str, Any], *, costs: bool, latency: bool, outputs: bool) -> list[str]:
    """Return a comparison of two runs: where they part, then the tables that were wanted."""
    runs = found["runs"]
    shown = [*_heads(runs), "", *_parting(runs)]
    if costs:
        shown += ["", *lines(_COSTS, _dear(runs["steps"])), "", *cost_lines(found["cost"])]
    if latency:
        shown += ["", *lines(_TIMES, _slow(runs["steps"]))]
    if outputs:
        shown += ["", *_outputs(runs["steps"])]
    return [printable(line) for line in shown]


def _heads(runs: Mapping[str, Any]) -> Iterator[str]:
    for side in ("a", "b"):
        run = runs[side]
        version = f"{run['workflow']}@{run['workflow_version']}" if run["workflow"] else "trace"
        parts = (run["id"], version, run["status"], took(run["duration"]), usd(run["cost_usd"]))
        yield f"{side}  {'  '.join(filter(None, parts))}"


def _parting(runs: Mapping[str, Any]) -> Iterator[str]:
    if runs["equal"]:
        yield "the runs are equal: all steps have the same inputs, outputs and decisions"
        return
    first = runs["first"]
    if first is None:
        yield "no step differs for a reason of its own"
    else:
        yield f"they part at {_place(first)}: {_KINDS.get(first['kind'], first['kind'])}, {first['after_s']:.3f} s in"
        yield from _evidence(first)
    for cause in [cause for cause in runs["causes"] if cause != first][:_MOST_ROWS]:
        yield f"also {_place(cause)}: {_KINDS.get(cause['kind'], cause['kind'])} ({cause['effect'].replace('_', ' ')})"
        yield from _evidence(cause)
    if follows := runs["consequences"]:
        rest = f" and {len(follows) - _MOST_ROWS} more" if len(follows) > _MOST_ROWS else ""
        yield f"follows from that: {', '.join(follows[:_MOST_ROWS])}{rest}"


def _place(divergence: Mapping[str, Any]) -> str:
    return divergence["step"] or "the run"


def _evidence(divergence: Mapping[str, Any]) -> Iterator[str]:
    for one in divergence["evidence"]:
        yield f"  {one['what']}: {_cut(one['a']) or 'none'} -> {_cut(one['b']) or 'none'}"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"


def _dear(steps: Sequence[Any]) -> list[Any]:
    """Return the steps whose costs differ, and the run."""
    found = [one for one in steps if not one["step"] or _side(one, "a", "cost_usd") != _side(one, "b", "cost_usd")]
    return found[:_MOST_ROWS]


def _slow(steps: Sequence[Any]) -> list[Any]:
    """Return the steps whose times differ most, in the order of the run."""

    def apart(step: Any) -> float:
        a, b = _side(step, "a", "duration"), _side(step, "b", "duration")
        return abs(float(b or 0) - float(a or 0))

    chosen = sorted(steps, key=apart, reverse=True)[:_MOST_ROWS]
    ids = {id(one) for one in chosen}
    return [one for one in steps if id(one) in ids]


def _outputs(steps: Sequence[Any]) -> Iterator[str]:
    import json

    for step in steps:
        if step.get("output_a") is None and step.get("output_b") is None:
            continue
        yield f"{step['step']} ({step['verdict']})"
        for side in ("a", "b"):
            payload = step[f"output_{side}"]
            text = json.dumps(payload.get("value", payload), ensure_ascii=False) if payload else "none"
            yield f"  {side}  {text if len(text) <= _OUTPUT else text[: _OUTPUT - 1] + '…'}"


def cost_lines(cost: Mapping[str, Any]) -> list[str]:
    """Return why one side cost more, as parts that add up, then the nodes that differ most."""
    difference = cost["difference_usd"]
    if difference == "0" and all(cost[factor] == "0" for factor in FACTORS):
        return [f"both cost {usd(cost['a_usd'])}"]
    parts = ", ".join(f"{factor} {more(cost[factor])}" for factor in FACTORS if cost[factor] != "0")
    shown = [f"cost {usd(cost['a_usd'])} -> {usd(cost['b_usd'])}, {more(difference)}: {parts or 'nothing'}"]
    for node in [one for one in cost["nodes"] if any(one[factor] != "0" for factor in FACTORS)][:_MOST_ROWS]:
        of_node = ", ".join(f"{factor} {more(node[factor])}" for factor in FACTORS if node[factor] != "0")
        shown.append(f"  {node['node']} {more(node['difference_usd'])}: {of_node}")
    return shown


def group_lines(found: Mapping[str, Any]) -> list[str]:
    """Return a comparison of two groups: what differs by more than luck, what they used, why they cost more."""
    groups = found["groups"]
    shown = [f"a  {groups['runs_a']} runs", f"b  {groups['runs_b']} runs", ""]
    differs = [one for one in groups["differences"] if one["differs"]]
    if differs:
        shown += lines(_DIFFERENCES, differs)
    else:
        shown.append("no node differs by more than luck explains")
    if groups["usages"]:
        shown += ["", *lines(_USAGES, groups["usages"][:_MOST_ROWS])]
    return [printable(line) for line in (*shown, "", *cost_lines(found["cost"]))]


def _measured(field: str) -> Column:
    return Column(field.upper(), "", lambda one: _amount(one["measure"], one[field]), right=True)


def _amount(measure: str, value: float | None) -> str:
    if value is None:
        return ""
    if measure == "failed":
        return f"{100 * value:.1f}%"
    if measure == "duration_ms":
        return f"{value / 1000:.3f}s"
    return f"${value / 1e9:.6f}" if measure == "cost_nano" else f"{value:,.1f}"


_MEASURES = {"cost_nano": "cost", "duration_ms": "time", "tokens": "tokens", "failed": "failed"}
_DIFFERENCES = (
    Column("NODE", "", lambda one: one["node"] or "the run"),
    Column("MEASURE", "measure", lambda one: _MEASURES.get(one, str(one))),
    *(_measured(field) for field in ("a", "b", "difference", "low", "high")),
)
_USAGES = (
    Column("NODE", "", lambda one: one["node"] or "the run"),
    Column("USED", "what"),
    Column("VALUE", "value", lambda value: _cut(str(value))),
    Column("RUNS A", "a", right=True),
    Column("RUNS B", "b", right=True),
)


def cause_lines(found: Mapping[str, Any]) -> list[str]:
    """Return why a run failed, in words."""
    shown = [f"run {found['run_id']}  {found['workflow']}  {found['status']}"]
    cause = found["cause"]
    if found["verdict"] == "healthy":
        shown.append("it did not fail")
    elif cause is None:
        shown.append(f"the cause is unknown: {found['reason']}")
        shown += [f"  perhaps {_candidate(one)}" for one in found["candidates"][:3]]
    else:
        shown += [f"cause: {_candidate(cause)}", f"  {_together(cause['spectrum'])}"]
        if len(found["way"]) > 1:
            shown.append(f"  the way: {' -> '.join(found['way'])}")
        shown.append(f"  {_confirmed(found.get('confirmed'))}")
    if found["error"]:
        at = f" at {found['symptom']}" if found["symptom"] else ""
        shown.append(f"it failed with {found['error']}{at}; compared with {found['compared_with']} other runs")
    if found["cost"] is not None:
        shown += ["", f"compared with a usual run, {found['cost']['usual_run']}:", *cost_lines(found["cost"])]
    return [printable(line) for line in shown]


def _confirmed(found: Mapping[str, Any] | None) -> str:
    """Return what a replay without the cause says, see ``agentctl trace why --confirm``."""
    if found is None:
        return "not replayed: --confirm replays it without the cause"
    said = {"flips": "confirmed", "stays": "not confirmed", "unknown": "not known"}[found["verdict"]]
    return f"{said}: without it, {found['reason']}"


def _candidate(one: Mapping[str, Any]) -> str:
    return f"{one['kind'].replace('_', ' ')} at {one['step']} (score {one['score']:.2f}): {one['what']}"


def _together(one: Mapping[str, Any]) -> str:
    failed = f"{one['failed_with']} of {one['failed']} runs that failed so have it"
    return f"{failed}, {one['healthy_with']} of {one['healthy']} healthy ones"


def causes_lines(found: Mapping[str, Any]) -> list[str]:
    """Return what failed runs share, in words."""
    shown = [f"{found['failed']} failed runs, {found['healthy']} others"]
    if not found["failed"]:
        return shown
    shown += [f"  {one['spectrum']['failed_with']} failed with {one['what']}{_at(one)}" for one in found["symptoms"]]
    for one in found["causes"]:
        shown.append(f"cause: {one['kind'].replace('_', ' ')} at {one['node']}, of {len(one['runs'])} runs")
    shown.append(f"of {found['explained']} looked at, {found['unexplained']} have no certain cause")
    if found["things"]:
        shown += ["", *lines(_THINGS, found["things"])]
    return [printable(line) for line in shown]


def _at(one: Mapping[str, Any]) -> str:
    return f" at {one['node']}" if one["node"] else ""


_THINGS = (
    Column("NODE", "", lambda one: one["node"] or "the run"),
    Column("SHARED", "what", lambda what: _cut(str(what))),
    Column("FAILED", "", lambda one: f"{one['spectrum']['failed_with']}/{one['spectrum']['failed']}", right=True),
    Column("HEALTHY", "", lambda one: f"{one['spectrum']['healthy_with']}/{one['spectrum']['healthy']}", right=True),
    Column("OCHIAI", "spectrum.ochiai", lambda score: f"{score:.2f}", right=True),
)
