"""Runs on a screen: recorded answers of the API in, lines and tables out."""

import asyncio
import io
import itertools
import json
import re
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from deploy.local.run_rows import RunJson, costs_by_route, money, rows
from deploy.local.show import LiveRuns, print_results


def step(step_id: str, status: str, *, attempts: int = 1, tokens: tuple[int, int] = (0, 0), **more: Any) -> RunJson:
    node = step_id.partition("[")[0]
    return {
        "id": step_id,
        "node_id": node,
        "type": "llm",
        "status": status,
        "attempts": attempts,
        "tokens": {"input": tokens[0], "output": tokens[1]},
        "cost_usd": "0",
        "provider": None,
        "model": None,
        **more,
    }


def run(status: str, steps: Sequence[RunJson], *, run_id: str = "r1", **more: Any) -> RunJson:
    return {
        "id": run_id,
        "workflow_name": "map_reduce_analysis",
        "status": status,
        "tags": {"document": "opticks.txt"},
        "tokens": {"input": 300, "output": 30},
        "cost_usd": "0.00125",
        "steps": list(steps),
        **more,
    }


PAID: dict[str, Any] = {"cost_usd": "0.0005", "provider": "local", "model": "local-silver"}
SPLIT = step("split", "succeeded")
DONE = [step(f"map_analyze[{n}]", "succeeded", tokens=(100, 10), **PAID) for n in range(2)]
LAST = step("reduce_summarize", "succeeded", tokens=(100, 10), **PAID | {"cost_usd": "0.00025"})
RECORDED = [
    run("queued", []),
    run("running", [step("split", "running"), step("map_analyze", "pending", attempts=0)]),
    run("running", [SPLIT, step("map_analyze", "running"), DONE[0], step("map_analyze[1]", "running")]),
    run("running", [SPLIT, step("map_analyze", "running"), DONE[0], step("map_analyze[1]", "waiting", attempts=2)]),
    run("running", [SPLIT, step("map_analyze", "succeeded"), *DONE, step("reduce_summarize", "running")]),
    run(
        "succeeded",
        [SPLIT, step("map_analyze", "succeeded"), *DONE, LAST],
        output={"reduce_summarize": "\n".join(f"- line {n}" for n in range(40))},
    ),
]


class Recording:
    """Plays recorded answers, one for each request, and stays at the last."""

    def __init__(self, answers: Sequence[RunJson]) -> None:
        self.answers = answers
        self.asked = 0

    async def fetch(self, run_id: str) -> RunJson:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return {**answer, "id": run_id}


def pipe() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=False, width=80), out


def test_children_of_a_map_are_one_line() -> None:
    named = {row.name: row for row in rows(RECORDED[3])}
    assert list(named) == ["split", "map_analyze[0..1]"]
    mapped = named["map_analyze[0..1]"]
    assert mapped.state == "1/2 done, 1 waiting"
    assert (mapped.attempts, mapped.input_tokens, mapped.output_tokens) == (2, 100, 10)
    assert (mapped.cost, mapped.route, mapped.ended) == (Decimal("0.0005"), "local/local-silver", False)
    assert [row.name for row in rows(RECORDED[1])] == ["split", "map_analyze"]


async def test_on_a_pipe_each_change_is_a_line() -> None:
    console, out = pipe()
    recording = Recording(RECORDED)
    ended = await LiveRuns(recording.fetch, console, poll_s=0.001).follow(["r1"], timeout_s=30)
    assert [answer["status"] for answer in ended] == ["succeeded"]
    said = [line.split(" s  ", 1)[1] for line in out.getvalue().splitlines()]
    name = "map_reduce_analysis (opticks.txt)"
    assert said == [
        f"{name}: queued",
        f"{name}: split running",
        f"{name}: map_analyze pending",
        f"{name}: running",
        f"{name}: split succeeded",
        f"{name}: map_analyze[0..1] 1/2 done, 1 running",
        f"{name}: map_analyze[0..1] 2/2 done, 200 tokens in, 20 out, $0.001 at local/local-silver",
        f"{name}: reduce_summarize running",
        f"{name}: reduce_summarize succeeded, 100 tokens in, 10 out, $0.00025 at local/local-silver",
        f"{name}: succeeded, $0.00125",
    ]


async def test_ended_runs_are_not_asked_for_again() -> None:
    asked: list[str] = []
    other = Recording([RECORDED[1]] * 5 + [RECORDED[-1]])

    async def fetch(run_id: str) -> RunJson:
        asked.append(run_id)
        return await other.fetch(run_id) if run_id == "slow" else {**RECORDED[-1], "id": run_id}

    ended = await LiveRuns(fetch, pipe()[0], poll_s=0.001).follow(["slow", "quick"], timeout_s=30)
    assert [answer["id"] for answer in ended] == ["slow", "quick"]
    assert asked.count("quick") == 1
    assert asked.count("slow") == 6


async def test_it_is_never_silent_even_when_the_api_is() -> None:
    class Clocked(io.StringIO):
        times: list[float] = []

        def write(self, text: str) -> int:
            self.times.append(time.monotonic())
            return super().write(text)

    async def fetch(run_id: str) -> RunJson:
        await asyncio.sleep(0.6)
        return RECORDED[-1]

    out = Clocked()
    live = LiveRuns(fetch, Console(file=out, force_terminal=False), poll_s=0.001, quiet_s=0.1)
    started = time.monotonic()
    await live.follow(["r1"], timeout_s=30)
    moments = [started, *out.times]
    assert out.getvalue().count("still running: 0 of 1 runs ended") >= 2
    assert max(later - earlier for earlier, later in itertools.pairwise(moments)) < 0.5


async def test_on_a_terminal_it_is_a_table() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=140, height=50, color_system=None)
    await LiveRuns(Recording(RECORDED).fetch, console, poll_s=0.001).follow(["r1"], timeout_s=30)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    last = shown[shown.rindex("attempts") :]
    assert "map_analyze[0..1]" in last
    assert "2/2 done" in last
    assert "$0.00125" in last
    assert "local/local-silver" in last
    assert "1/2 done, 1 waiting" in shown


async def test_a_run_that_does_not_end_is_named() -> None:
    console, _ = pipe()
    with pytest.raises(TimeoutError, match=r"not ended within 0\.05 s: r9"):
        await LiveRuns(Recording(RECORDED[:2]).fetch, console, poll_s=0.001).follow(["r9"], timeout_s=0.05)


async def test_an_error_of_the_api_comes_through() -> None:
    async def fetch(run_id: str) -> RunJson:
        raise ConnectionError("nobody there")

    with pytest.raises(ConnectionError, match="nobody there"):
        await LiveRuns(fetch, pipe()[0]).follow(["r1"], timeout_s=5)


def test_results_are_trimmed_and_say_where_the_money_went() -> None:
    console, out = pipe()
    print_results([RECORDED[-1]], console)
    said = out.getvalue()
    assert "map_reduce_analysis (opticks.txt): succeeded, $0.00125, 300 tokens in, 30 out (run r1)" in said
    assert "  - line 0\n" in said
    assert "  … 29 more lines\n" in said
    assert "  - line 39\n" in said
    assert "line 20" not in said
    assert "  cost $0.00125 at local/local-silver\n" in said
    assert costs_by_route(RECORDED[-1]) == {"local/local-silver": Decimal("0.00125")}


def test_a_failure_says_where_and_why() -> None:
    console, out = pipe()
    error = {"code": "not_found", "message": "there is no document 'x'", "step_id": "ingest", "details": {}}
    print_results([run("failed", [], error=error)], console)
    assert "not_found at ingest: there is no document 'x'" in out.getvalue()


def test_other_outputs_and_markup_are_shown_as_they_are() -> None:
    console, out = pipe()
    print_results([run("succeeded", [], output={"split": {"a": ["[bold]b[/bold]"]}})], console)
    assert json.dumps({"a": ["[bold]b[/bold]"]}) in out.getvalue()


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("0", "$0.00"), ("1", "$1.00"), ("0.5", "$0.50"), ("0.000000001", "$0.000000001"), ("1200", "$1200.00")],
)
def test_money_is_exact(amount: str, shown: str) -> None:
    assert money(Decimal(amount)) == shown
