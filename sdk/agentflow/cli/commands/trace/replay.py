"""``agentctl trace replay``: a recorded run again, by the server's own rules, on this machine."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from agentflow.cli.errors import FAILED, NOT_FOUND, USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.session import Session

MODES = ("debug", "verified", "shadow", "live")
POLICY = "/api/v1/traces/policy"
_LOCAL = "install it: pip install 'agentflow[cli,testing]'"


@make(None, "replay", changes=True, example="agentctl trace replay --mode verified --golden tests/golden")
@click.argument("run", required=False)
@click.option("--mode", type=OneOf(MODES), default="debug", show_default=True, help="What is done; see below.")
@click.option("--stop-at", metavar="STEP", help="debug: stop before this step works.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="debug: the attempt to stop at, not the first.")
@click.option("--model", metavar="PROVIDER/MODEL", help="shadow: ask this model instead of the recorded ones.")
@click.option("--budget", metavar="USD", help="shadow: its own budget; twice the recorded cost without one.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="shadow: the most calls.")
@click.option("--from", "node", metavar="NODE", help="live: reuse the results of nodes that do not come after this.")
@click.option("--inputs", metavar="JSON", help="live: inputs that replace those of RUN: JSON, @file, or -.")
@click.option("--golden", metavar="DIR|FILE", help="verified: golden files instead of a run; needs no server.")
@click.option("--export", metavar="FILE", help="Write RUN to a golden file.")
@click.option("--tools", metavar="FILE", help="A Python file whose @function functions are called again.")
@click.option("--policy", metavar="FILE", help="Replay a policy, as YAML or JSON, over recorded calls.")
@click.option("--since", metavar="TIME", help="With --policy: calls since then; 7d by default.")
@click.option("--until", metavar="TIME", help="With --policy: calls before then.")
@click.option("--workflow", metavar="NAME", help="With --policy: only calls of this workflow.")
def command(
    session: Session,
    run: str | None,
    *,
    mode: str,
    stop_at: str | None,
    attempt: int | None,
    golden: str | None,
    export: str | None,
    tools: str | None,
    policy: str | None,
    since: str | None,
    until: str | None,
    workflow: str | None,
    model: str | None,
    budget: str | None,
    limit: int,
    node: str | None,
    inputs: str | None,
) -> None:
    """Replay RUN from its records, which stay as they are.

    debug folds it to a step and shows the run's state there. verified folds all of it, renders prompts, calls functions
    and checks answers again, and compares; it ends with 1 at the first mismatch, which it names. Neither calls a model
    or a tool, or costs anything.

    shadow asks models again what RUN asked, as a run with a budget of its own, and compares their answers. live runs
    RUN again, from a node or with other inputs, as a new run.

    --policy FILE shows what other routes, prices, caches, budgets or quotas would have led to over all recorded calls.
    """
    window = {"since": since, "until": until, "workflow": workflow}
    if policy is not None:
        if run is not None or golden is not None or export is not None or stop_at is not None:
            raise CliError("--policy stands instead of a run", "agentctl trace replay --policy FILE --since 7d", USAGE)
        _policy(session, policy, window)
        return
    if any(window.values()):
        raise CliError("--since, --until and --workflow are for --policy", "name a policy, or leave them out", USAGE)
    _check(mode, run, golden, stop_at, export)
    _check_runs(mode, {"--model": model, "--budget": budget}, {"--from": node, "--inputs": inputs}, export)
    try:
        import agentflow.replay_rules  # noqa: F401 - only whether it can be imported
    except ImportError as exc:
        raise CliError(f"replays need the rules of the server: {exc}", _LOCAL, USAGE) from exc
    if mode == "live":
        from agentflow.cli.replays.again import live

        live(session, run or "", node, inputs)
    elif mode == "shadow":
        from agentflow.cli.replays.again import shadow

        shadow(session, run or "", budget, model, limit)
    elif export is not None:
        _export(session, run or "", Path(export), tools)
    elif mode == "debug":
        _debug(session, run or "", stop_at, attempt)
    else:
        _verify(session, run, golden, tools)


def _check(mode: str, run: str | None, golden: str | None, stop_at: str | None, export: str | None) -> None:
    if golden is not None and (mode != "verified" or run is not None or export is not None):
        raise CliError("--golden stands instead of a run", "agentctl trace replay --mode verified --golden DIR", USAGE)
    if golden is None and run is None:
        raise CliError("there is no run", "name one, see `agentctl workflow list`", USAGE)
    if stop_at is not None and (mode != "debug" or export is not None):
        raise CliError("--stop-at is for --mode debug", "leave one of them out", USAGE)


def _check_runs(mode: str, shadows: dict[str, str | None], lives: dict[str, str | None], export: str | None) -> None:
    for of, options in (("shadow", shadows), ("live", lives)):
        given = [name for name, value in options.items() if value is not None]
        if given and mode != of:
            raise CliError(f"{given[0]} is for --mode {of}", "leave one of them out", USAGE)
    if export is not None and mode in ("shadow", "live"):
        raise CliError(f"--export is not for --mode {mode}", "leave one of them out", USAGE)


def _debug(session: Session, run: str, stop_at: str | None, attempt: int | None) -> None:
    import msgspec

    from agentflow import replay_rules as rules
    from agentflow.cli.replays.recorded import read_run
    from agentflow.cli.replays.showing import STEPS, stop_lines

    records = read_run(session, run, with_end=False).recording.records
    try:
        stopped: dict[str, Any] = msgspec.to_builtins(rules.stopped_at(run, records, stop_at, attempt))
    except rules.NotFound as exc:
        raise CliError(str(exc), "", NOT_FOUND) from exc
    if session.format in {"table", "wide"}:
        click.echo("\n".join(stop_lines(stopped)))
    session.rows(stopped, stopped["steps"], STEPS)


def _verify(session: Session, run: str | None, golden: str | None, tools: str | None) -> None:
    from agentflow.cli.replays.showing import VERDICTS

    rows = list(_verdicts(session, run, golden, tools))
    session.rows({"replays": rows}, rows, VERDICTS, "run_id")
    wrong = [row for row in rows if row["mismatch"] is not None]
    if wrong:
        first = f"run {wrong[0]['run_id']}: {wrong[0]['mismatch']['text']}"
        raise CliError(f"{len(wrong)} of {len(rows)} replays differ: {first}")


def _verdicts(session: Session, run: str | None, golden: str | None, tools: str | None) -> Iterator[dict[str, Any]]:
    from agentflow import replay_rules as rules
    from agentflow.cli.replays.functions import functions_of
    from agentflow.cli.replays.recorded import golden_runs, read_run
    from agentflow.cli.replays.showing import verdict_row

    call = functions_of(tools) or rules.no_functions
    if golden is None:
        recording = read_run(session, run or "").recording
        if recording.end is None:
            session.note("the run has not ended: what it has decided by now is folded, and its end is not compared")
        yield verdict_row(asyncio.run(rules.verify(recording, call=call)))
        return
    for file, found in golden_runs(Path(golden)):
        yield verdict_row(asyncio.run(rules.verify(found, call=call)), str(file))


def _export(session: Session, run: str, file: Path, tools: str | None) -> None:
    from agentflow import replay_rules as rules
    from agentflow.cli.replays.functions import functions_of
    from agentflow.cli.replays.recorded import read_run

    read = read_run(session, run)
    if read.recording.end is None:
        raise CliError(f"run {run} has not ended", "export it when it has", FAILED)
    call = functions_of(tools) or rules.no_functions
    lines = asyncio.run(rules.golden_lines(read.recording, read.texts, call=call))
    try:
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as exc:
        raise CliError(f"{file} cannot be written: {exc}", "name a file that you may write", USAGE) from exc
    session.note(f"{file}: run {run} with {len(read.texts)} records")


def _policy(session: Session, file: str, window: dict[str, str | None]) -> None:
    from agentflow.cli.replays.policies import LANES, lanes_of, read_policy, summary

    given = {name: value for name, value in window.items() if value is not None}
    report = session.send("POST", POLICY, {"policy": read_policy(file), **given})
    session.rows(report, lanes_of(report), LANES, "lane")
    if session.format in {"table", "wide"}:
        click.echo()
        click.echo("\n".join(summary(report)))
