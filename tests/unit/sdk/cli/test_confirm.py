"""``agentctl trace why --confirm``: the failed run is replayed here without its cause."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.ctl import Ctl
from tests.support.ctl_comparisons import CAUSE, UNKNOWN
from tests.support.failing_runs import played
from tests.support.replays import texts_of
from tests.support.runs import RUN, World

RUNS = "/api/v1/workflows/runs"
HEALTHY = "00000000-0000-5000-8000-000000000001"


def records(world: World) -> dict[str, Any]:
    found = zip(texts_of(world), world.events, strict=True)
    rows = [{"offset": 5 + n, "at_ms": at_ms, "record": text} for n, (text, (_, at_ms)) in enumerate(found)]
    return {"records": rows, "next_cursor": None}


def answers(step: str, *healthy: World, named: bool = True) -> dict[tuple[str, str], Any]:
    cause = {**CAUSE, "run_id": RUN, "workflow": "flow", "symptom": "read", "cause": {**CAUSE["cause"], "step": step}}
    return {
        ("GET", f"/api/v1/traces/{RUN}/cause"): cause if named else {**UNKNOWN, "run_id": RUN},
        ("GET", f"/api/v1/traces/{RUN}/records"): records(played("404", fail="read")),
        ("GET", RUNS): {"runs": [{"id": HEALTHY}] if healthy else [], "next_cursor": None},
        ("GET", f"/api/v1/traces/{HEALTHY}/records"): [records(one) for one in healthy] or None,
    }


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("fetch", "confirmed: without it, the run succeeds"),
        ("other", "not confirmed: without it, it fails with bad_page all the same"),
    ],
)
def test_a_cause_is_confirmed_or_not(tmp_path: Path, step: str, said: str) -> None:
    ctl = Ctl(tmp_path, answers(step, played("page")))
    done = ctl("trace", "why", RUN, "--confirm")
    assert done.code == 0, done.err
    assert f"  {said}\n" in done.out
    listed = next(one for one in ctl.api.sent if one.path == RUNS)
    assert dict(listed.params) == {"workflow": "flow", "status": "succeeded", "limit": 10}


def test_without_a_healthy_run_nothing_is_known(tmp_path: Path) -> None:
    done = Ctl(tmp_path, answers("fetch"))("trace", "why", RUN, "--confirm", "-o", "json")
    assert done.document["confirmed"] == {
        "verdict": "unknown",
        "reason": "no healthy run has an output of fetch",
        "status": "running",
        "open": ["fetch"],
        "healthy": 0,
    }


def test_functions_of_a_file_answer_what_no_record_does(tmp_path: Path) -> None:
    tools = tmp_path / "tools.py"
    tools.write_text("from agentflow import function\n\n\n@function('text_splitter')\ndef split():\n    return 'x'\n")
    healthy = played("page", read="another text", fail="join")
    plain = Ctl(tmp_path, answers("fetch", healthy))("trace", "why", RUN, "--confirm", "-o", "json")
    assert plain.document["confirmed"]["open"] == ["join"]
    done = Ctl(tmp_path, answers("fetch", healthy))(
        "trace", "why", RUN, "--confirm", "--tools", str(tools), "-o", "json"
    )
    assert done.code == 0, done.err


def test_an_unknown_cause_is_not_replayed(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path, answers("fetch", named=False))
    done = ctl("trace", "why", RUN, "--confirm")
    assert (done.code, len(ctl.api.sent)) == (0, 1)
