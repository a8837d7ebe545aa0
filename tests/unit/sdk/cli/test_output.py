"""Formats of output, the tree of progress, and what a terminal must not be sent."""

import io
import json
from pathlib import Path

import pytest
import yaml
from agentflow.cli import tables
from agentflow.cli.columns import Column, printable
from agentflow.cli.views.runs import changes, tree
from agentflow.yaml_text import yaml_text
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ctl import BUDGET, NOW, RUN, SUCCEEDED, WHOLE, Ctl
from tests.support.rollout_answers import ENDED_ID

GOLDEN = Path(__file__).parent / "golden.txt"
#: Commands whose output is compared as a whole.
SHOWN = (
    "--help",
    "--version",
    f"workflow get {RUN}",
    "workflow submit document_analysis",
    f"workflow logs {RUN}",
    "workflow graph document_analysis",
    "workflow graph document_analysis -o mermaid",
    "workflow graph document_analysis -o dot",
    f"workflow waiting {RUN}",
    f"workflow watch {RUN}",
    "workflow definition document_analysis -o yaml",
    "prompt get greeter 3",
    "prompt versions greeter",
    "prompt labels greeter",
    "prompt label greeter production none --expect 3",
    "prompt label greeter production 3 --expect none --dry-run",
    "prompt label greeter production newest",
    "prompt deploy greeter@4 --canary 10% --env production",
    "prompt deploy greeter@4 --canary ten",
    "prompt deploy greeter@4 --all --steps 1%,10%",
    "prompt rollout list",
    "prompt rollout status greeter",
    f"prompt rollout watch {ENDED_ID}",
    "prompt quality greeter",
    "prompt quality greeter --points hour",
    "prompt quality greeter --by model",
    "budget create --limit 1000 --period monthly",
    "budget create --limit 1000 --period monthly --dry-run",
    "budget get bud_1",
    "budget list",
    "budget list -o wide",
    "budget list -o name",
    "schedule list",
    "key create ci",
    "stop list -o yaml",
    "quota list",
    "limit get",
    "cache get",
    "vault status",
    "vault rotate",
    "vault rotate --master --dry-run",
    "price list openai",
    "compliance facts",
    "compliance facts --versions",
    f"route get {RUN} --step analyze",
    "usage",
    "status",
    "status --verbose",
    "topics list",
    "dlq show run-events.dlq/3@17",
    "dlq show run-events.dlq/3@17 --raw",
    "dlq retry run-events.dlq/3@17",
    f"trace get {RUN}",
    f"trace get {RUN} -o timeline",
    f"trace get {RUN} -o tree",
    f"trace diff {RUN} b --costs --latency --outputs",
    f"trace why {RUN}",
    "trace why --last 1h --workflow document_analysis",
    "trace query --start 1h --end now --provider local",
    "trace sessions",
    "trace sessions chat-7",
    "trace users",
    "trace outliers --measure cost",
    "api GET /api/v1/limits",
    "doctor",
    "trigger list -o wide",
    "trigger show tr_1",
    "trigger rotate tr_1",
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_output_is_as_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To record it again after a change that is meant: write what this test compares to ``golden.txt``."""
    monkeypatch.setattr("agentflow.cli.views.runs.time.time", lambda: NOW)
    recorded = []
    for line in SHOWN:
        done = Ctl(tmp_path)(*line.split())
        recorded.append(f"$ agentctl {line}\n{done.out}{''.join(f'! {row}' for row in done.err.splitlines(True))}")
    text = "\n".join(recorded).replace(str(tmp_path), "/home/u")
    assert text == GOLDEN.read_text(encoding="utf-8")


@given(json_values)
def test_yaml_reads_as_the_document_it_was_written_from(value: object) -> None:
    assert yaml.safe_load(yaml_text(value)) == value


def test_a_budget_is_echoed_in_us_dollars_a_month(tmp_path: Path) -> None:
    assert "$1,000.00 a month" in Ctl(tmp_path)("budget", "create", "--limit", "1000", "--period", "monthly").out


def test_stdout_is_data_only_while_a_run_is_followed(tmp_path: Path) -> None:
    run = [{**SUCCEEDED, "status": "running"}, SUCCEEDED]
    ctl = Ctl(tmp_path, {("GET", f"/api/v1/workflows/runs/{RUN}"): list(run)})
    done = ctl("workflow", "submit", "document_analysis", "--wait", "-o", "json")
    assert done.code == 0
    assert json.loads(done.out)["status"] == "succeeded"
    assert "split succeeded" in done.err


def test_the_tree_shows_state_attempts_and_cost() -> None:
    lines = tree(WHOLE)
    assert lines[0] == f"document_analysis {RUN} failed $0.002853"
    assert lines[-1] == "└─ ✗ analyze failed, 3 attempts, $0.002853 (provider_unavailable: local: unavailable)"


def test_children_of_a_map_are_counted_not_listed() -> None:
    child = {"id": "m[0]", "node_id": "m", "status": "succeeded", "attempts": 1}
    node = {"id": "m", "node_id": "m", "status": "waiting", "attempts": 1}
    counted = {**node, "children": {"total": 84, "succeeded": 3}}
    assert tree({**WHOLE, "steps": [counted, child]})[1:] == ["└─ … m waiting (3/84 done)"]


def test_only_what_changed_is_said_again() -> None:
    running = {**SUCCEEDED, "status": "running"}
    assert changes(None, running) == ["split succeeded", "document_analysis running $0.002853"]
    assert changes(running, running) == []
    assert changes(running, SUCCEEDED) == ["document_analysis succeeded $0.002853"]


def test_a_value_cannot_control_the_terminal(tmp_path: Path) -> None:
    evil = {**BUDGET, "name": "a\x1b[2Jb\nc"}
    done = Ctl(tmp_path, {("GET", "/api/v1/budgets"): {"budgets": [evil]}})("budget", "list")
    assert "\x1b" not in done.out
    assert len(done.out.splitlines()) == 2
    assert printable("ok") == "ok"


@pytest.mark.parametrize("colour", [True, False])
def test_a_terminal_gets_a_table_by_rich_in_colour_unless_that_is_not_wanted(*, colour: bool) -> None:
    out = io.StringIO()
    assert tables.on_terminal((Column("STATE", "state"),), [{"state": "failed"}], out, colour=colour)
    assert "failed" in out.getvalue()
    assert "\x1b[31m" not in out.getvalue() or colour


def test_no_color_is_obeyed(tmp_path: Path) -> None:
    from agentflow.cli.session import Session

    assert Session(env={"NO_COLOR": "1"}, here=tmp_path).colour is False
    assert Session(env={"TERM": "dumb"}, here=tmp_path).colour is False
    assert Session(env={}, here=tmp_path).colour is True
