"""The doctor finds each planted problem, names only that, and reads the facts of a system that is half down."""

import re
from pathlib import Path

import pytest
from agentflow.cli.doctor.checks import CHECKS, found
from agentflow.cli.errors import CliError

from bench.surface.ctl_problems import HEALTHY, PLANTED
from tests.support.ctl import READY, RUN, SUMMARY, Answer, Ctl, problem

PAGE = Path(__file__).resolve().parents[4] / "docs/troubleshooting.md"


def test_a_healthy_system_has_no_problem() -> None:
    assert found(HEALTHY) == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_problem_is_named_with_what_to_do(name: str) -> None:
    names = [check.name for check, _ in found(PLANTED[name])]
    assert names == [name]
    assert all(finding.problem and finding.fix for _, finding in found(PLANTED[name]))


def test_every_check_has_a_planted_problem() -> None:
    assert {check.name for check in CHECKS} == set(PLANTED)
    assert len(CHECKS) >= 16


def test_every_check_has_its_section_on_the_page() -> None:
    headings = re.findall(r"^#+ (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert {check.page for check in CHECKS} <= anchors
    text = PAGE.read_text(encoding="utf-8")
    assert [check.name for check in CHECKS if f"`{check.name}`" not in text] == []


def test_no_problem_is_exit_code_0_and_some_are_1(tmp_path: Path) -> None:
    runs = ("GET", "/api/v1/workflows/runs")
    quiet = {runs: {"runs": []}, ("GET", "/api/v1/stops"): {"stops": []}}
    quiet |= {("GET", "/api/v1/admin/dead-letters"): {"letters": [], "total": 0}}
    done = Ctl(tmp_path, quiet)("doctor")
    assert (done.code, done.out) == (0, "")
    assert "no problems" in done.err
    bad = Ctl(tmp_path, quiet | {runs: {"runs": [SUMMARY]}})("doctor", "-o", "json")
    assert bad.code == 1
    assert [row["check"] for row in bad.document["problems"]] == ["failed-runs"]
    assert RUN in bad.document["problems"][0]["fix"]


def test_an_address_where_nothing_answers_is_found(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path)
    ctl.env["AGENTFLOW_ENDPOINT"] = "http://127.0.0.1:9"
    done = ctl("doctor", "-o", "name", given_api=False)
    assert (done.code, done.out) == (1, "connection\n")


def test_a_key_that_is_refused_hides_no_other_problem(tmp_path: Path) -> None:
    broken = {**READY, "dependencies": {**READY["dependencies"], "redis": {"status": "error", "ms": 1, "error": "x"}}}
    answers = {("GET", "/ready"): broken, ("GET", "/api/v1/whoami"): problem(401, "unauthenticated", "unknown key")}
    done = Ctl(tmp_path, answers)("doctor", "-o", "name")
    assert done.out.split() == ["databases", "refused-key"]


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path)
    usual = ctl.api.request

    def half_down(method: str, path: str, **more: object) -> Answer:
        if path in {"/ready", "/api/v1/whoami"}:
            return usual(method, path)
        if "budgets" in path:
            raise CliError("no answer")
        return problem(503, "unavailable", "postgres does not answer")

    ctl.api.request = half_down  # type: ignore[method-assign, assignment]
    assert ctl("doctor").code == 0
