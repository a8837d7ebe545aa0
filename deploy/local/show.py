"""Runs on a screen while they move, and their results at the end.

On a terminal it is one live table; on a pipe a line for each change, and a sign of life when nothing changes. What
it shows are the answers of ``GET /api/v1/workflows/runs/{id}``, so anybody can see the same with curl.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

RunJson = Mapping[str, Any]
"""A run as the API answers it."""
Fetch = Callable[[str], Awaitable[RunJson]]
"""Returns a run by its id."""

ENDED = frozenset({"succeeded", "failed", "canceled"})
_FINISHED_STEPS = ENDED | {"skipped"}
_STYLES = {"succeeded": "green", "failed": "bold red", "canceled": "yellow", "running": "cyan", "waiting": "yellow"}
#: Nobody should look at a still screen for over 5 s, and a printed line is late by a tick of the heart.
_QUIET_S = 3.0
_HEART_S = 0.5
#: A map over hundreds of items moves all the time; on a pipe, once a second is enough to follow.
_MAP_LINE_S = 1.0
_OUTPUT_LINES = 12
_OUTPUT_WIDTH = 160


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


class LiveRuns:
    """Follows runs until all have ended. ``fetch`` is asked for each run that has not, every ``poll_s`` seconds."""

    def __init__(
        self, fetch: Fetch, console: Console | None = None, *, poll_s: float = 0.3, quiet_s: float = _QUIET_S
    ) -> None:
        self._fetch = fetch
        self._console = console or Console()
        self._poll_s = poll_s
        self._quiet_s = quiet_s
        self._runs: dict[str, RunJson] = {}

    async def follow(self, run_ids: Sequence[str], *, timeout_s: float = 300.0) -> list[RunJson]:
        """Show the runs as they move and return them, in the order given, when all have ended.

        Raises ``TimeoutError`` that names the runs still moving, and whatever ``fetch`` raises.
        """
        view = _Screen(self._console) if self._console.is_terminal else _Lines(self._console, self._quiet_s)
        with view:
            heart = asyncio.create_task(self._beat(view, len(run_ids)))
            try:
                async with asyncio.timeout(timeout_s):
                    await self._poll(run_ids, view)
            except TimeoutError as exc:
                late = [run_id for run_id in run_ids if not _ended(self._runs.get(run_id))]
                raise TimeoutError(
                    f"not ended within {timeout_s:g} s: {', '.join(late)}; the roles' logs say what they do"
                ) from exc
            finally:
                heart.cancel()
                await asyncio.gather(heart, return_exceptions=True)
        return [self._runs[run_id] for run_id in run_ids]

    async def _poll(self, run_ids: Sequence[str], view: "_View") -> None:
        while moving := [run_id for run_id in run_ids if not _ended(self._runs.get(run_id))]:
            answers = await asyncio.gather(*(self._fetch(run_id) for run_id in moving))
            self._runs.update(zip(moving, answers, strict=True))
            view.show([self._runs[run_id] for run_id in run_ids])
            await asyncio.sleep(self._poll_s)

    async def _beat(self, view: "_View", total: int) -> None:
        while True:
            view.beat(sum(_ended(run) for run in self._runs.values()), total)
            await asyncio.sleep(min(_HEART_S, self._quiet_s / 4))


def rows(run: RunJson) -> list[Row]:
    """Return a run's lines, in the order of its steps; the children of a mapped node are one line."""
    by_node: dict[str, list[Mapping[str, Any]]] = {}
    for step in run.get("steps") or ():
        by_node.setdefault(str(step.get("node_id") or step["id"]), []).append(step)
    found: list[Row] = []
    for node, steps in by_node.items():
        children = [step for step in steps if str(step["id"]).startswith(f"{node}[")]
        found.append(_mapped(node, children) if children else _single(steps[0]))
    return found


def print_results(runs: Iterable[RunJson], console: Console | None = None) -> None:
    """Print each run's output (trimmed), its cost and where the money went."""
    screen = console or Console()
    for run in runs:
        screen.print()
        screen.print(Text(_headline(run), style=_STYLES.get(str(run.get("status")), "")), soft_wrap=True)
        for line in _outcome(run):
            screen.print(Text(f"  {line}"), soft_wrap=True)
        for route, spent in costs_by_route(run).items():
            screen.print(Text(f"  cost {money(spent)} at {route}", style="dim"), soft_wrap=True)


def costs_by_route(run: RunJson) -> dict[str, Decimal]:
    """Return what a run's steps spent in US dollars, by ``provider/model``."""
    spent: dict[str, Decimal] = {}
    for step in run.get("steps") or ():
        if route := _route(step):
            spent[route] = spent.get(route, Decimal(0)) + _cost(step)
    return dict(sorted(spent.items()))


def money(amount: Decimal) -> str:
    """Render US dollars exactly, with at least the cents."""
    text = format(amount.normalize(), "f")
    whole, _, decimals = text.partition(".")
    return f"${whole}.{decimals:0<2}"


class _View:
    """Where runs are shown."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def show(self, runs: Sequence[RunJson]) -> None: ...

    def beat(self, ended: int, total: int) -> None: ...


class _Screen(_View):
    """A table that is drawn again in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)
        self._started = time.monotonic()
        self._runs: Sequence[RunJson] = ()

    def __enter__(self) -> None:
        self._live.__enter__()

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, runs: Sequence[RunJson]) -> None:
        self._runs = runs
        self._draw()

    def beat(self, ended: int, total: int) -> None:
        self._draw(f"{ended} of {total} runs ended after {time.monotonic() - self._started:.0f} s")

    def _draw(self, caption: str | None = None) -> None:
        table = Table(caption=caption, caption_justify="left", expand=False)
        for column in ("run", "step", "state"):
            table.add_column(column, overflow="fold")
        for column in ("attempts", "tokens in", "out", "cost"):
            table.add_column(column, justify="right")
        table.add_column("model", overflow="fold")
        for run in self._runs:
            _add_run(table, run)
        self._live.update(table, refresh=True)


class _Lines(_View):
    """A line for each change, for pipes and files."""

    def __init__(self, console: Console, quiet_s: float) -> None:
        self._console = console
        self._quiet_s = quiet_s
        self._started = self._spoke = time.monotonic()
        self._said: dict[tuple[str, str], str] = {}
        self._said_at: dict[tuple[str, str], float] = {}

    def show(self, runs: Sequence[RunJson]) -> None:
        for run in runs:
            for row in rows(run):
                self._say((str(run["id"]), row.name), _row_line(run, row), hurry=row.ended or not row.mapped)
            self._say((str(run["id"]), ""), _run_line(run), hurry=True)

    def beat(self, ended: int, total: int) -> None:
        if time.monotonic() - self._spoke >= self._quiet_s:
            self._print(f"still running: {ended} of {total} runs ended")

    def _say(self, what: tuple[str, str], line: str, *, hurry: bool) -> None:
        now = time.monotonic()
        if self._said.get(what) == line or not (hurry or now - self._said_at.get(what, 0) >= _MAP_LINE_S):
            return
        self._said[what], self._said_at[what] = line, now
        self._print(line)

    def _print(self, line: str) -> None:
        self._spoke = time.monotonic()
        self._console.print(Text(f"{self._spoke - self._started:6.1f} s  {line}"), soft_wrap=True)
        self._console.file.flush()


def _add_run(table: Table, run: RunJson) -> None:
    status = str(run.get("status"))
    total = _total(run)
    table.add_row(
        Text(title(run), style="bold"),
        "",
        Text(status, style=_STYLES.get(status, "")),
        "",
        f"{total.input_tokens:,}",
        f"{total.output_tokens:,}",
        money(total.cost),
        "",
    )
    for row in rows(run):
        table.add_row(
            "",
            Text(row.name),
            Text(row.state, style=row.style),
            str(row.attempts) if row.attempts else "",
            f"{row.input_tokens:,}" if row.input_tokens else "",
            f"{row.output_tokens:,}" if row.output_tokens else "",
            money(row.cost) if row.cost else "",
            row.route,
        )
    table.add_section()


def title(run: RunJson) -> str:
    """Return a run's workflow, and the document that it works on where its tags or inputs name one."""
    tags, inputs = run.get("tags") or {}, run.get("inputs") or {}
    document = tags.get("document") or inputs.get("document_key")
    name = str(run.get("workflow_name") or run["id"])
    return f"{name} ({document})" if document else name


def _single(step: Mapping[str, Any]) -> Row:
    state = str(step.get("status"))
    waiting = step.get("waiting")
    said = f"waiting for {waiting['on']}" if waiting and waiting.get("on") else state
    if step.get("cached"):
        said += " (cached)"
    given, made = _tokens(step)
    return Row(
        name=str(step["id"]),
        state=said,
        style=_STYLES.get(state, ""),
        attempts=int(step.get("attempts") or 0),
        input_tokens=given,
        output_tokens=made,
        cost=_cost(step),
        route=_route(step),
        ended=state in _FINISHED_STEPS,
    )


def _mapped(node: str, children: Sequence[Mapping[str, Any]]) -> Row:
    states = Counter(str(child.get("status")) for child in children)
    done = states["succeeded"]
    others = [f"{states[state]} {state}" for state in ("running", "waiting", "failed", "canceled") if states[state]]
    tokens = [_tokens(child) for child in children]
    return Row(
        name=f"{node}[0..{len(children) - 1}]",
        state=", ".join([f"{done}/{len(children)} done", *others]),
        style=_STYLES["failed" if states["failed"] else "succeeded" if done == len(children) else "running"],
        attempts=max(int(child.get("attempts") or 0) for child in children),
        input_tokens=sum(given for given, _ in tokens),
        output_tokens=sum(made for _, made in tokens),
        cost=sum((_cost(child) for child in children), Decimal(0)),
        route=", ".join(sorted({route for child in children if (route := _route(child))})),
        mapped=True,
        ended=all(state in _FINISHED_STEPS for state in states),
    )


def _total(run: RunJson) -> Row:
    given, made = _tokens(run)
    status = str(run.get("status"))
    return Row(title(run), status, "", 0, given, made, _cost(run), "", ended=status in ENDED)


def _row_line(run: RunJson, row: Row) -> str:
    said = [f"{title(run)}: {row.name} {row.state}"]
    if row.attempts > 1:
        said.append(f"attempt {row.attempts}")
    if row.ended and row.route:
        said.append(f"{row.input_tokens:,} tokens in, {row.output_tokens:,} out, {money(row.cost)} at {row.route}")
    return ", ".join(said)


def _run_line(run: RunJson) -> str:
    total = _total(run)
    return f"{total.name}: {total.state}" + (f", {money(total.cost)}" if total.ended else "")


def _headline(run: RunJson) -> str:
    total = _total(run)
    tokens = f"{total.input_tokens:,} tokens in, {total.output_tokens:,} out"
    return f"{total.name}: {total.state}, {money(total.cost)}, {tokens} (run {run['id']})"


def _outcome(run: RunJson) -> list[str]:
    error = run.get("error")
    if error:
        at = f" at {error['step_id']}" if error.get("step_id") else ""
        return [f"{error.get('code')}{at}: {error.get('message')}"]
    lines: list[str] = []
    for node, output in (run.get("output") or {}).items():
        lines += [f"{node}:", *_trimmed(output if isinstance(output, str) else repr(output))]
    return lines


def _trimmed(text: str) -> list[str]:
    lines = [line if len(line) <= _OUTPUT_WIDTH else f"{line[:_OUTPUT_WIDTH]}…" for line in text.splitlines()]
    if len(lines) <= _OUTPUT_LINES:
        return lines
    # The end of an analysis says as much as its start: its key terms and counts.
    head = lines[: _OUTPUT_LINES - 3]
    return [*head, f"… {len(lines) - len(head) - 2} more lines", *lines[-2:]]


def _tokens(thing: Mapping[str, Any]) -> tuple[int, int]:
    tokens = thing.get("tokens") or {}
    return int(tokens.get("input") or 0), int(tokens.get("output") or 0)


def _cost(thing: Mapping[str, Any]) -> Decimal:
    return Decimal(str(thing.get("cost_usd") or "0"))


def _route(step: Mapping[str, Any]) -> str:
    provider, model = step.get("provider"), step.get("model")
    return f"{provider}/{model}" if provider and model else ""


def _ended(run: RunJson | None) -> bool:
    return run is not None and run.get("status") in ENDED
