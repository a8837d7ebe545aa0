"""Rollouts of prompts, as commands show them: where one is, its statistics, and its progress until it is over."""

import sys
from collections.abc import Callable, Mapping, Sequence
from math import expm1
from typing import Any

import click

from agentflow.cli import tables
from agentflow.cli.api import at
from agentflow.cli.columns import Column, shown
from agentflow.cli.errors import FAILED, NOT_FOUND, TIME_LIMIT, USAGE, CliError
from agentflow.cli.follow import FIRST_S, GROWTH, LONGEST_S, screen
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ago

DEPLOYMENTS = "/api/v1/deployments"
#: Of a deployment that is named by its id.
_ID = "dep_"
_LONGEST_S = 5.0
#: A decision is a record that the roles apply in milliseconds; after this long something is wrong.
_PATIENCE_S = 30.0
#: Counts that change are said this often where output is no terminal.
_SILENT_S = 30.0
_UP = "\x1b[{lines}A\x1b[J"
_COMPARED_AS_LOGARITHMS = frozenset({"usd", "ms"})


def percent(share: Any) -> str:
    """Return a share in percent, with three digits at most."""
    return "" if share is None else f"{100 * share:.3g}%"


def _versions(one: Mapping[str, Any]) -> str:
    stable = one["stable_version"]
    return f"canary {one['canary_version']}" + ("" if stable is None else f", stable {stable}")


def _share(one: Mapping[str, Any]) -> str:
    if one["mode"] == "shadow":
        return "every run is copied, nobody gets the answer"
    return f"{percent(one['share'])}, step {one['step']} of {one['steps']}"


def _counts(one: Mapping[str, Any]) -> str:
    found = one.get("statistics")
    if not found:
        return ""
    awaited = ((found["awaited_outcomes"], "outcomes"), (found["awaited_scores"], "scores"))
    waits = "".join(f", {count:,} wait for {what}" for count, what in awaited if count)
    return f"{found['runs']:,} counted{waits}"


def _split(found: Any) -> str:
    if not found:
        return ""
    split = found["split"]
    return f"{split['stable']:,} stable, {split['canary']:,} canary{', not as planned!' if split['alarmed'] else ''}"


def _brake(found: Any) -> str:
    return f"{evidence(found['brake'])} of what rolls back at once" if found else ""


def evidence(found: Mapping[str, float]) -> str:
    """Return how much of the evidence that decides is there: 0% to 100%."""
    return f"{100 * min(1.0, max(0.0, found['has'] / found['needed'])):.0f}%"


def _decided(decision: Any) -> str:
    if not decision:
        return ""
    status = _words(decision["status"])
    return str(decision["text"]) if status == "running" else f"{status}: {decision['text']}"


def _words(value: Any) -> str:
    return str(value).replace("_", " ")


LIST = (
    Column("ID", "id", wide=True),
    Column("PROMPT", "prompt"),
    Column("ENVIRONMENT", "environment"),
    Column("MODE", "mode"),
    Column("STATUS", "status", _words),
    Column("STABLE", "stable_version", right=True),
    Column("CANARY", "canary_version", right=True),
    Column("SHARE", "share", percent, right=True),
    Column("AGE", "started_at", ago, right=True),
    Column("BY", "started_by", wide=True),
    Column("DECISION", "decision", _decided),
)
ONE = (
    Column("ID", "id"),
    Column("PROMPT", "prompt"),
    Column("ENVIRONMENT", "environment"),
    Column("MODE", "mode"),
    Column("STATUS", "status", _words),
    Column("VERSIONS", "", _versions),
    Column("SHARE", "", _share),
    Column("ENTITY", "plan.entity"),
    Column("RUNS", "", _counts),
    Column("SPLIT", "statistics", _split),
    Column("BRAKE", "statistics", _brake),
    Column("MESSAGE", "message"),
    Column("STARTED", "started_at"),
    Column("ENDED", "ended_at"),
    Column("BY", "started_by"),
    Column("DECISION", "decision", _decided),
    Column("PROBLEM", "problem"),
)


def value(metric: Mapping[str, Any], mean: float) -> str:
    """Return a mean in the metric's unit."""
    match metric["unit"]:
        case "usd":
            return f"${mean:.4g}"
        case "ms":
            return f"{mean:,.0f} ms"
        case "share":
            return percent(mean)
    return f"{mean:.3g}"


def harm(metric: Mapping[str, Any], name: str) -> str:
    """Return a difference with its sign; of cost and latency in percent of stable, of errors in points."""
    found = metric[name]
    if metric["unit"] in _COMPARED_AS_LOGARITHMS:
        return f"{100 * expm1(min(found, 7.0)):+.3g}%"
    return f"{100 * found:+.3g} pp" if metric["unit"] == "share" else f"{found:+.3g}"


METRICS = (
    Column("METRIC", "metric"),
    Column("STABLE", "", lambda one: value(one, one["stable"]), right=True),
    Column("CANARY", "", lambda one: value(one, one["canary"]), right=True),
    Column("RUNS", "", lambda one: f"{one['stable_runs']:,} + {one['canary_runs']:,}", right=True),
    Column("HARM", "", lambda one: harm(one, "harm"), right=True),
    Column("AT EVERY LOOK", "", lambda one: f"{harm(one, 'low')} to {harm(one, 'high')}"),
    Column("ROLLBACK", "worse", evidence, right=True),
    Column("PROMOTION", "not_worse", evidence, right=True),
    Column("VERDICT", "verdict", _words),
    Column("MARGIN", "margin", wide=True, right=True),
    Column("ALPHA", "alpha", wide=True, right=True),
)


def find(session: Session, name: str, environment: str | None) -> dict[str, Any]:
    """Return the deployment that NAME means: its id, or the running one of the prompt, else its newest.

    Raises ``CliError`` without one, and when several environments have a running one.
    """
    if name.startswith(_ID):
        return dict(session.get(at(DEPLOYMENTS, name)))
    running = session.get(DEPLOYMENTS, prompt=name, environment=environment, status="running")["deployments"]
    if len(running) > 1:
        where = " and ".join(sorted(one["environment"] for one in running))
        raise CliError(f"prompt {name} has rollouts in {where}", f"give --env {running[0]['environment']}", USAGE)
    found = running or session.get(DEPLOYMENTS, prompt=name, environment=environment, limit=1)["deployments"]
    if not found:
        where = f" in {environment}" if environment else ""
        raise CliError(
            f"prompt {name} has no rollout{where}", f"start one by `agentctl prompt deploy {name}`", NOT_FOUND
        )
    return dict(session.get(at(DEPLOYMENTS, found[0]["id"])))


def show(session: Session, one: Mapping[str, Any]) -> None:
    """Print a deployment, and in tables its statistics and what it waits for."""
    session.one(one, ONE)
    if session.format not in {"table", "wide"}:
        return
    for line in _details(one, wide=session.format == "wide"):
        click.echo(line)


def _details(one: Mapping[str, Any], *, wide: bool = False) -> list[str]:
    metrics = (one.get("statistics") or {}).get("metrics") or []
    found = ["", *tables.lines(shown(METRICS, wide=wide), metrics)] if metrics else []
    if waiting := one.get("waiting") or []:
        found += ["", "Not decided yet:", *(f"- {reason['text']}" for reason in waiting)]
    return found


def follow(session: Session, deployment_id: str, time_limit_s: float | None) -> dict[str, Any]:
    """Return the deployment once it is over, with what happens on stderr. Raises ``CliError`` at the time limit."""
    try:
        return _follow(session, deployment_id, time_limit_s)
    except KeyboardInterrupt:
        session.note(f"rollout {deployment_id} continues; see `agentctl prompt rollout status {deployment_id}`")
        raise


def _follow(session: Session, deployment_id: str, time_limit_s: float | None) -> dict[str, Any]:
    live = sys.stderr.isatty() and session.env.get("TERM") != "dumb"
    deadline, pause = None if time_limit_s is None else session.now() + time_limit_s, FIRST_S
    before, painted, said_at = "", 0, session.now()
    while True:
        one: dict[str, Any] = session.get(at(DEPLOYMENTS, deployment_id))
        if live:
            painted = _paint([*tables.pairs(ONE, one), *_details(one)], painted)
        elif (key := _news(one)) != before or session.now() - said_at >= _SILENT_S:
            session.note(progress(one))
            before, said_at = key, session.now()
        if one["status"] != "running":
            return one
        if deadline is not None and session.now() + pause > deadline:
            fix = f"it continues; see `agentctl prompt rollout status {deployment_id}`"
            raise CliError(f"rollout {deployment_id} is still running after {time_limit_s:g} s", fix, TIME_LIMIT)
        session.sleep(pause)
        pause = min(_LONGEST_S, pause * GROWTH)


def _news(one: Mapping[str, Any]) -> str:
    """Return what is said at once when it changes: the decision and the verdicts, and not every count."""
    metrics = (one.get("statistics") or {}).get("metrics") or []
    decision = one["decision"] or {"number": 0}
    return " ".join([str(decision["number"]), *(metric["verdict"] for metric in metrics)])


def until(session: Session, deployment_id: str, holds: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
    """Return the deployment once it is as it was decided. Raises ``CliError`` when that takes too long."""
    deadline, pause = session.now() + _PATIENCE_S, FIRST_S
    while True:
        found: dict[str, Any] = session.get(at(DEPLOYMENTS, deployment_id))
        if holds(found):
            return found
        if session.now() + pause > deadline:
            fix = f"it will be; see `agentctl prompt rollout status {deployment_id}` and `agentctl status`"
            raise CliError(f"the decision is stored, and not applied after {_PATIENCE_S:g} s", fix, TIME_LIMIT)
        session.sleep(pause)
        pause = min(LONGEST_S, pause * GROWTH)


def _paint(lines: Sequence[str], before: int) -> int:
    width, height = screen()
    # What has scrolled away cannot be painted over; the statistics are at the end.
    fits = [line[:width] for line in lines[-height:]]
    back = _UP.format(lines=before) if before else ""
    click.echo(back + "\n".join(fits), err=True, color=True)
    return len(fits)


def progress(one: Mapping[str, Any]) -> str:
    """Return where a rollout is as one line: what was decided last, and what each metric says."""
    verdicts = (
        f"{metric['metric']} {value(metric, metric['canary'])} against {value(metric, metric['stable'])}"
        f" ({_words(metric['verdict'])})"
        for metric in (one.get("statistics") or {}).get("metrics") or []
    )
    runs = (one.get("statistics") or {}).get("runs", 0)
    decided = _decided(one["decision"]) or one["status"]
    return "; ".join([f"{decided} [{runs:,} runs]", *verdicts])


def code_of(one: Mapping[str, Any]) -> int:
    """Return the exit code of a rollout that is over: 0 if the new version stays."""
    return 0 if one["status"] == "promoted" else FAILED
