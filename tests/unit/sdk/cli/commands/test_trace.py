"""``agentctl trace``: pages, what is followed, and what terminals must not be sent."""

from pathlib import Path
from typing import Any

import pytest
from agentflow.cli.commands.trace.query import _news
from agentflow.cli.views.traces import timeline, took, tree

from tests.support.ctl import RUN, Ctl
from tests.support.ctl_traces import EVENTS, FOUND, GROUPED, SUMMARY, TIMELINE, WHOLE

TRACE = f"/api/v1/traces/{RUN}"
QUERY = ("POST", "/api/v1/traces/query")


def test_all_pages_of_a_trace_are_shown(tmp_path: Path) -> None:
    pages = [{**WHOLE, "events": EVENTS[:5], "next_cursor": "after-5"}, {**WHOLE, "events": EVENTS[5:]}]
    ctl = Ctl(tmp_path, {("GET", TRACE): pages})
    done = ctl("trace", "get", RUN, "-o", "tree")
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 1 + len(EVENTS)
    assert [sent.params.get("cursor") for sent in ctl.api.sent] == [None, "after-5"]


def test_a_limit_says_how_many_spans_it_leaves_out(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path, {("GET", TRACE): {**WHOLE, "events": EVENTS[:3], "next_cursor": "after-3"}})
    done = ctl("trace", "get", RUN, "-o", "tree", "--limit", "3")
    assert "… 5 more spans" in done.out


def test_a_trace_is_followed_until_it_has_ended(tmp_path: Path) -> None:
    shown = [{**TIMELINE, "status": "running"}, {**TIMELINE, "status": "running"}, {**TIMELINE, "status": "succeeded"}]
    ctl = Ctl(tmp_path, {("GET", f"{TRACE}/timeline"): shown})
    done = ctl("trace", "get", RUN, "-o", "timeline", "--follow")
    assert done.code == 0
    assert len(ctl.api.sent) == 3
    assert done.out.count("document_analysis  ") >= 3


def test_groups_are_shown_by_their_keys(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path, {QUERY: GROUPED})
    done = ctl("trace", "query", "--by", "provider", "--sort", "cost")
    assert done.out.splitlines() == [
        "PROVIDER  COUNT  ERRORS   COST  TOKENS    P50    P95",
        "openai       12       1  $0.50     900  800ms  2.25s",
    ]
    assert ctl.last.body == {"group_by": ["provider"], "sort": "cost", "limit": 100}


def test_all_pages_of_a_query_are_shown_up_to_the_limit(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path, {QUERY: [{**FOUND, "next_cursor": "a"}, {**FOUND, "next_cursor": "b"}]})
    done = ctl("trace", "query", "--limit", "2", "-o", "name")
    assert len(done.out.splitlines()) == 2
    assert [(sent.body["limit"], sent.body.get("cursor")) for sent in ctl.api.sent] == [(2, None), (1, "a")]


def test_a_followed_query_shows_each_trace_once_in_each_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running: dict[str, Any] = {**SUMMARY, "status": "running", "error_code": None}
    other = {**running, "id": "e" * 32}
    answers = [[running], [running], [other, running], [other, SUMMARY]]
    ctl = Ctl(tmp_path, {QUERY: [{**FOUND, "traces": one} for one in answers]})

    def sleep(seconds: float) -> None:
        ctl.clock += seconds
        if len(ctl.api.sent) == len(answers):
            raise KeyboardInterrupt

    monkeypatch.setattr(ctl, "_sleep", sleep)
    done = ctl("trace", "query", "--follow")
    lines = [line.split() for line in done.out.splitlines()]
    assert [(line[1], line[4]) for line in lines] == [
        ("running", SUMMARY["id"]),
        ("running", "e" * 32),
        ("failed", SUMMARY["id"]),
    ]


def test_a_followed_query_remembers_only_what_is_still_listed() -> None:
    shown: dict[str, str] = {}
    for number in range(5):
        listed = [{"id": str(one), "status": "running"} for one in (number + 1, number)]
        assert [one["id"] for one in _news(listed, shown)] == (["0", "1"] if number == 0 else [str(number + 1)])
    assert shown == {"4": "running", "5": "running"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0004, "0ms"),
        (0.8123, "812ms"),
        (4.2, "4.20s"),
        (99.99, "99.99s"),
        (100, "1m 40s"),
        (7265, "121m 05s"),
    ],
)
def test_times_are_written_for_people(seconds: float, text: str) -> None:
    assert took(seconds) == text


def test_names_of_spans_cannot_control_a_terminal() -> None:
    wild = {**EVENTS[1], "type": "external", "name": "\x1b[31mred\x07"}
    shown = tree({**WHOLE, "events": [EVENTS[0], wild]}) + timeline(
        {**TIMELINE, "rows": [{**TIMELINE["rows"][1], **wild}]}
    )
    assert not any("\x1b" in line or "\x07" in line for line in shown)


def test_lines_of_a_tree_end_with_the_last_child() -> None:
    depths = (0, 1, 2, 2, 1, 2, 3)
    events = [{**EVENTS[1], "type": "external", "name": f"s{n}", "depth": depth} for n, depth in enumerate(depths)]
    assert [line.split("s")[0] for line in tree({**WHOLE, "events": events})[1:]] == [
        "✓ ",
        "├─ ✓ ",
        "│  ├─ ✓ ",
        "│  └─ ✓ ",
        "└─ ✓ ",
        "   └─ ✓ ",
        "      └─ ✓ ",
    ]
