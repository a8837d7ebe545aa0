"""What each of our tools does: requests to the HTTP API, made by who serves it, and a result for the model."""

from collections.abc import Callable, Generator, Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from schemas.mcp.protocol import notification
from schemas.mcp.steps import Answered, Ask, Pause, Refused, Say, Step, Work, asked
from schemas.run_states import TERMINAL_RUN

Json = Any
_V1: Final = "/api/v1"
_RUNS: Final = "/api/v1/workflows/runs"
DEFAULT_WAIT_S: Final = 60.0
#: A run is looked at after so many seconds, then ever more seldom.
_FIRST_LOOK_S, _LAST_LOOK_S, _SLOWER = 0.1, 2.0, 1.5
_MOST_STEPS: Final = 100


class Call(NamedTuple):
    """A call of a tool: its arguments, which were checked, and the token for progress, if the client wants that."""

    args: Mapping[str, Json]
    token: Json = None


def list_workflows(_: Call) -> Work:
    """Return the workflows."""
    found = yield from asked(Ask("GET", f"{_V1}/workflows"))
    return {"workflows": found["workflows"]}


def describe_workflow(call: Call) -> Work:
    """Return one workflow."""
    params = {"version": call.args["version"]} if "version" in call.args else {}
    found = yield from asked(Ask("GET", f"{_V1}/workflows/{_part(call.args['workflow'])}", params))
    return dict(found)


def submit_run(call: Call) -> Work:
    """Say what a run may cost or, when that is accepted, submit it with that as its budget."""
    body: dict[str, Json] = {"workflow_name": str(call.args["workflow"]), "inputs": dict(call.args.get("inputs") or {})}
    if "version" in call.args:
        body["workflow_version"] = call.args["version"]
    headers = {"Idempotency-Key": str(call.args["idempotency_key"])} if "idempotency_key" in call.args else {}
    accepted = call.args.get("accept_cost_usd")
    if accepted is not None:
        body["budget_cents"] = cents(accepted)
    foreseen = yield from asked(Ask("POST", _RUNS, {"dry_run": "true"}, body, headers))
    bound = _bound(foreseen, accepted)
    if accepted is None:
        return {"submitted": False, "cost": bound, "next": "call again with accept_cost_usd", "would_run": foreseen}
    run = yield from asked(Ask("POST", _RUNS, {}, body, headers))
    found = {"submitted": True, "cost": bound, "run_id": run["id"], "run": run}
    wait_s = float(call.args.get("wait_s") or 0)
    if wait_s <= 0:
        return found
    ended = yield from _waited(str(run["id"]), wait_s, call.token)
    return found | {"run": ended, "ended": ended["status"] in TERMINAL_RUN}


def wait_for_run(call: Call) -> Work:
    """Return a run once it has ended, or as it is after the time."""
    found = yield from _waited(str(call.args["run_id"]), float(call.args.get("timeout_s", DEFAULT_WAIT_S)), call.token)
    return {"ended": found["status"] in TERMINAL_RUN, "run": found}


def get_run(call: Call) -> Work:
    """Return a run with its steps."""
    params = {"step_outputs": "true"} if call.args.get("step_outputs") else {}
    found = yield from asked(Ask("GET", f"{_RUNS}/{_part(call.args['run_id'])}", params))
    return {"run": found}


def list_runs(call: Call) -> Work:
    """Return runs, the newest first."""
    params = {name: call.args[name] for name in ("workflow", "status") if name in call.args} | {
        "limit": call.args.get("limit", 20)
    }
    found = yield from asked(Ask("GET", _RUNS, params))
    return {"runs": found["runs"], "more": found.get("next_cursor") is not None}


def why(call: Call) -> Work:
    """Return what a run waits for, or why it failed."""
    run_id = _part(call.args["run_id"])
    run = yield from asked(Ask("GET", f"{_RUNS}/{run_id}"))
    status = run["status"]
    if status not in TERMINAL_RUN:
        waits = yield from asked(Ask("GET", f"{_RUNS}/{run_id}/waiting"))
        return {"status": status, "waiting": waits}
    if status == "succeeded":
        return {"status": status, "because": "it succeeded"}
    found = {"status": status, "error": run.get("error")}
    try:
        cause = yield from asked(Ask("GET", f"{_V1}/traces/{run_id}/cause"))
    except Refused as exc:
        # The error of the run itself stands without an analysis of it.
        return found | {"cause": None, "no_cause_because": str(exc)}
    return found | {"cause": cause}


def cost_of_run(call: Call) -> Work:
    """Return what a run has cost."""
    run = yield from asked(Ask("GET", f"{_RUNS}/{_part(call.args['run_id'])}"))
    names = ("status", "cost_usd", "children_cost_usd", "total_cost_usd", "tokens", "budget_cents")
    steps = [
        {name: step.get(name) for name in ("id", "status", "attempts", "cost_usd", "model") if name in step}
        for step in (run.get("steps") or [])[:_MOST_STEPS]
    ]
    return {"run_id": run["id"], **{name: run.get(name) for name in names}, "steps": steps}


def cancel_run(call: Call) -> Work:
    """Request the end of a run."""
    body = {"reason": call.args["reason"]} if call.args.get("reason") else {}
    found = yield from asked(Ask("POST", f"{_RUNS}/{_part(call.args['run_id'])}/cancel", {}, body))
    return {"run": found}


CALLS: Final[Mapping[str, Callable[[Call], Work]]] = {
    one.__name__: one
    for one in (
        *(list_workflows, describe_workflow, submit_run, wait_for_run, get_run, list_runs),
        *(why, cost_of_run, cancel_run),
    )
}


def cents(usd: Json) -> str:
    """Return dollars as cents, exact: the float of a JSON number stands for its shortest text."""
    exact = Decimal(str(usd)) * 100
    return format(exact.quantize(Decimal("0.0000001"), rounding=ROUND_DOWN).normalize(), "f")


def _waited(run_id: str, seconds: float, token: Json) -> Generator[Step, Answered | None, dict[str, Json]]:
    left, pause, looks = max(0.0, min(seconds, 300.0)), _FIRST_LOOK_S, 0
    while True:
        run = yield from asked(Ask("GET", f"{_RUNS}/{_part(run_id)}"))
        if run["status"] in TERMINAL_RUN or left <= 0:
            return dict(run)
        if token is not None:
            looks += 1
            done = sum(1 for step in run.get("steps") or () if step.get("status") in ("succeeded", "skipped", "failed"))
            said = f"{run['status']}, {done} steps done, {run.get('total_cost_usd', '0')} USD so far"
            progress = {"progressToken": token, "progress": looks, "message": said}
            yield Say(notification("notifications/progress", progress))
        pause = min(pause, left)
        yield Pause(pause)
        left, pause = left - pause, min(pause * _SLOWER, _LAST_LOOK_S)


def _bound(foreseen: Mapping[str, Json], accepted: Json) -> dict[str, Json]:
    """Return what a run may cost, as a model should be shown it before anything is started."""
    return {
        "at_most_usd": None if accepted is None else str(Decimal(str(accepted))),
        "cheapest_path_usd": foreseen.get("cheapest_path_usd"),
        "unbounded_nodes": foreseen.get("unbounded") or [],
        "budgets": [
            {"name": one.get("name"), "remaining_usd": one.get("remaining_usd")}
            for one in foreseen.get("budgets") or []
        ],
    }


def _part(value: Json) -> str:
    text = str(value)
    if not text:
        raise Refused("bad_arguments", "an id is empty")
    return quote(text, safe="")
