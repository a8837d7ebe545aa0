"""Runs on a screen while they progress, and their results at the end.

On a terminal it is one live table; on a pipe a line for each change, and a sign of life when nothing changes. The data
are the answers of ``GET /api/v1/workflows/runs/{id}``, so curl can show the same.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deploy.local import run_rows
from deploy.local.run_rows import STYLES, Row, RunJson, costs_by_route, money, rows, title
from schemas.run_states import TERMINAL_RUN

Fetch = Callable[[str], Awaitable[RunJson]]
"""Returns a run by its id."""

#: The screen must not be still for over 5 s, and a printed line is late by one tick.
_QUIET_S = 3.0
_HEART_S = 0.5
#: A map over hundreds of items changes all the time; on a pipe, once a second is enough to follow.
_MAP_LINE_S = 1.0
_OUTPUT_LINES = 12
_OUTPUT_WIDTH = 160


class _View(Protocol):
    """A display of runs."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, runs: Sequence[RunJson]) -> None:
        """Show the runs in their current state."""
        ...

    def beat(self, ended: int, total: int) -> None:
        """Show a sign of life, if one is due."""
        ...


class _Screen:
    """A table that is redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)
        self._started = time.monotonic()
        self._runs: Sequence[RunJson] = ()
        self._caption = ""

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, exc, trace)

    def show(self, runs: Sequence[RunJson]) -> None:
        self._runs = runs
        self._draw()

    def beat(self, ended: int, total: int) -> None:
        self._caption = f"{ended} of {total} runs ended after {time.monotonic() - self._started:.0f} s"
        self._draw()

    def _draw(self) -> None:
        table = Table(caption=self._caption, caption_justify="left", expand=False)
        for column in ("run", "step", "state"):
            table.add_column(column, overflow="fold")
        for column in ("attempts", "tokens in", "out", "cost"):
            table.add_column(column, justify="right")
        table.add_column("model", overflow="fold")
        for run in self._runs:
            _add_run(table, run)
        self._live.update(table, refresh=True)


class _Lines:
    """A line for each change, for pipes and files."""

    def __init__(self, console: Console, quiet_s: float) -> None:
        self._console = console
        self._quiet_s = quiet_s
        self._started = self._spoke = time.monotonic()
        self._said: dict[tuple[str, str], str] = {}
        self._said_at: dict[tuple[str, str], float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

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


class LiveRuns:
    """Follows runs until all have ended. ``fetch`` is called for each open run, every ``poll_s`` seconds."""

    def __init__(
        self, fetch: Fetch, console: Console | None = None, *, poll_s: float = 0.3, quiet_s: float = _QUIET_S
    ) -> None:
        self._fetch = fetch
        self._console = console or Console()
        self._poll_s = poll_s
        self._quiet_s = quiet_s
        self._runs: dict[str, RunJson] = {}

    async def follow(self, run_ids: Sequence[str], *, timeout_s: float = 300.0) -> list[RunJson]:
        """Show the runs as they progress and return them, in the given order, when all have ended.

        Raises ``TimeoutError`` that names the open runs, and whatever ``fetch`` raises.
        """
        with self._view() as view:
            heart = asyncio.create_task(self._beat(view, len(run_ids)))
            try:
                async with asyncio.timeout(timeout_s):
                    await self._poll(run_ids, view)
            except TimeoutError as exc:
                late = [run_id for run_id in run_ids if not _ended(self._runs.get(run_id))]
                raise TimeoutError(
                    f"not ended within {timeout_s:g} s: {', '.join(late)}; see the logs of the roles"
                ) from exc
            finally:
                heart.cancel()
                await asyncio.gather(heart, return_exceptions=True)
        return [self._runs[run_id] for run_id in run_ids]

    def _view(self) -> _View:
        if self._console.is_terminal:
            return _Screen(self._console)
        return _Lines(self._console, self._quiet_s)

    async def _poll(self, run_ids: Sequence[str], view: _View) -> None:
        while moving := [run_id for run_id in run_ids if not _ended(self._runs.get(run_id))]:
            answers = await asyncio.gather(*(self._fetch(run_id) for run_id in moving))
            self._runs.update(zip(moving, answers, strict=True))
            view.show([self._runs[run_id] for run_id in run_ids])
            await asyncio.sleep(self._poll_s)

    async def _beat(self, view: _View, total: int) -> None:
        while True:
            view.beat(sum(_ended(run) for run in self._runs.values()), total)
            await asyncio.sleep(min(_HEART_S, self._quiet_s / 4))


def print_results(runs: Iterable[RunJson], console: Console | None = None) -> None:
    """Print each run's output (trimmed), its cost and the routes that cost it."""
    screen = console or Console()
    for run in runs:
        screen.print()
        screen.print(Text(_headline(run), style=STYLES.get(str(run.get("status")), "")), soft_wrap=True)
        for line in _outcome(run):
            screen.print(Text(f"  {line}"), soft_wrap=True)
        for route, spent in costs_by_route(run).items():
            screen.print(Text(f"  cost {money(spent)} at {route}", style="dim"), soft_wrap=True)
        if spent := run_rows.cost_of_children(run):
            screen.print(Text(f"  cost {money(spent)} in runs that it started", style="dim"), soft_wrap=True)


def _add_run(table: Table, run: RunJson) -> None:
    status = str(run.get("status"))
    total = run_rows.total(run)
    table.add_row(
        Text(title(run), style="bold"),
        "",
        Text(status, style=STYLES.get(status, "")),
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


def _row_line(run: RunJson, row: Row) -> str:
    said = [f"{title(run)}: {row.name} {row.state}"]
    if row.attempts > 1:
        said.append(f"attempt {row.attempts}")
    if row.ended and row.route:
        said.append(f"{row.input_tokens:,} tokens in, {row.output_tokens:,} out, {money(row.cost)} at {row.route}")
    return ", ".join(said)


def _run_line(run: RunJson) -> str:
    total = run_rows.total(run)
    return f"{total.name}: {total.state}" + (f", {money(total.cost)}" if total.ended else "")


def _headline(run: RunJson) -> str:
    total = run_rows.total(run)
    tokens = f"{total.input_tokens:,} tokens in, {total.output_tokens:,} out"
    return f"{total.name}: {total.state}, {money(total.cost)}, {tokens} (run {run['id']})"


def _outcome(run: RunJson) -> list[str]:
    error = run.get("error")
    if error:
        at = f" at {error['step_id']}" if error.get("step_id") else ""
        return [f"{error.get('code')}{at}: {error.get('message')}"]
    lines: list[str] = []
    for node, output in (run.get("output") or {}).items():
        lines += [f"{node}:", *_trimmed(output if isinstance(output, str) else json.dumps(output, ensure_ascii=False))]
    return lines


def _trimmed(text: str) -> list[str]:
    lines = [line if len(line) <= _OUTPUT_WIDTH else f"{line[:_OUTPUT_WIDTH]}…" for line in text.splitlines()]
    if len(lines) <= _OUTPUT_LINES:
        return lines
    # The end of an analysis matters as much as its start: its key terms and counts.
    head = lines[: _OUTPUT_LINES - 3]
    return [*head, f"… {len(lines) - len(head) - 2} more lines", *lines[-2:]]


def _ended(run: RunJson | None) -> bool:
    return run is not None and run.get("status") in TERMINAL_RUN
