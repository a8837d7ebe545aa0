"""A report as HTML, text, Markdown and JUnit: hostile names stay text, and nothing is loaded from elsewhere."""

import re
import shutil
import struct
import subprocess
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from schemas.prompts.evaluations import Answered, Answers, Case, Judged, Report, Scored, ScorerSpec
from services.prompts.evaluations.gate import Gate, failures_of
from services.prompts.evaluations.html import html_of_report
from services.prompts.evaluations.junit import junit_of_report
from services.prompts.evaluations.report import report_of
from services.prompts.evaluations.tables import tables_of
from services.prompts.evaluations.text import MOST_ROWS, markdown_of_report, text_of_report

HOSTILE = "<script>alert(1)</script>\x1b[31m|\u202e[x](http://x)\x00&\"'"
SPECS = [
    ScorerSpec(kind="exact"),
    ScorerSpec(kind="llm_judge", name=f"judge {HOSTILE}", weight=0, options={"rubric": "good", "mode": "pair"}),
]


def dataset() -> list[Case]:
    hostile = Case(id=f"a{HOSTILE}", tags=[HOSTILE])
    return [hostile, *(Case(id=f"c{place:02}") for place in range(29))]


def answers(version: str, score_of) -> Answers:
    keys = [(case.id, repeat) for case in dataset() for repeat in range(2)]
    return Answers(
        version=version,
        answers=[Answered(case_id=case, repeat=repeat, cost_nano=1_500, latency_ms=20) for case, repeat in keys],
        scores=[
            Scored(case_id=case, repeat=repeat, scorer="exact", score=score_of(case, repeat), note=HOSTILE)
            for case, repeat in keys
        ],
    )


@pytest.fixture(scope="module")
def report() -> Report:
    before = answers("3", lambda case, _: None if case == "c05" else 1.0)
    after = answers(HOSTILE, lambda case, repeat: float(repeat == 0 and case < "c10") if case < "c25" else 1.0)
    judged = [Judged(case_id=case.id, scorer=SPECS[1].name, forward="first", swapped="first") for case in dataset()]
    return report_of(
        f"greet {HOSTILE}",
        "greetings@1",
        dataset(),
        [before, after],
        SPECS,
        candidate=HOSTILE,
        baseline="3",
        judged=judged,
    )


class Page(HTMLParser):
    """The tags, links and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in {"src", "href", "srcset", "action"}]

    def handle_data(self, data) -> None:
        self.texts.append(data)


def test_html_has_no_scripts_and_no_addresses(report) -> None:
    page = Page(html_of_report(report))
    assert page.tags & {"script", "img", "link", "iframe", "a", "form", "object"} == set()
    assert page.addresses == []
    assert re.search(r"url\(|@import", html_of_report(report)) is None


@pytest.mark.exhaustive
def test_html_is_laid_out_by_a_browser_and_runs_nothing(report, tmp_path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("THE PAGE WAS NOT LOOKED AT: chromium is not installed; apt-get install chromium")
    page, image = tmp_path / "report.html", tmp_path / "report.png"
    measured = '<script>document.title = "ran"</script>'
    page.write_text(html_of_report(report).replace("</body>", f"{measured}</body>"), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    flags += [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,2000"]
    dom = subprocess.run(
        [browser, *flags, "--dump-dom", page.as_uri()], capture_output=True, text=True, check=True, timeout=90
    )
    # The policy of the page lets no script run, not even one that is planted into it.
    assert "<title>ran</title>" not in dom.stdout
    assert dom.stdout.count("<table>") == len(list(tables_of(report)))
    assert "&lt;script&gt;alert(1)" in dom.stdout
    subprocess.run(
        [browser, *flags, f"--screenshot={image}", page.as_uri()], capture_output=True, check=True, timeout=90
    )
    width, height = struct.unpack(">II", image.read_bytes()[16:24])
    assert (width, height) == (1200, 2000)
    assert image.stat().st_size > 20_000, "an empty page is smaller"


def test_html_shows_names_as_text(report) -> None:
    assert re.search(r"[\x00-\x09\x0b-\x1f\u202e]", html_of_report(report)) is None
    assert any("<script>alert(1)</script>" in text for text in Page(html_of_report(report)).texts)


def test_html_names_verdict_regressions_and_bias(report) -> None:
    texts = " ".join(Page(html_of_report(report)).texts)
    for wanted in ("worse", "Regressions: 25", "minimum detectable effect", "uncalibrated, biased", "Notes", "c24"):
        assert wanted in texts


def test_every_row_has_the_cells_of_its_head(report) -> None:
    for table in tables_of(report):
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.head)}


def test_text_has_no_control_characters(report) -> None:
    text = text_of_report(report)
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text) is None
    assert "worse" in text.splitlines()[0]


def test_text_ends_long_tables(report) -> None:
    assert f"and {25 - MOST_ROWS} more; the HTML report has all" in text_of_report(report)
    assert "c24" in markdown_of_report(report)


def test_markdown_keeps_names_in_their_cells(report) -> None:
    for line in markdown_of_report(report).splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in {3, 4, 5, 7, 11}
        assert re.search(r"(?<!\\)<script", line) is None
        assert re.search(r"(?<!\\)\]\(", line) is None


def test_junit_has_a_test_case_per_case_and_regressions_as_failures(report) -> None:
    suite = ElementTree.fromstring(junit_of_report(report, dataset(), ["the score is under 0.9"]))
    failed = [one for one in suite if one.find("failure") is not None]
    assert (suite.get("tests"), suite.get("failures")) == ("31", "26")
    assert (len(suite), len(failed)) == (31, 26)
    assert failed[-1].get("name") == "gate"
    assert failed[-1].find("failure").get("message") == "the score is under 0.9"
    assert ": worse" in failed[-1].find("system-out").text


def test_junit_without_a_comparison_has_no_failures() -> None:
    alone = report_of("p", "d", dataset(), [answers("1", lambda *_: 1.0)], SPECS[:1])
    suite = ElementTree.fromstring(junit_of_report(alone, dataset()))
    assert (suite.get("tests"), suite.get("failures")) == ("31", "0")


@pytest.mark.parametrize(
    ("gate", "failures"),
    [
        (Gate(), 1),
        (Gate(fail_on=()), 0),
        (Gate(fail_on=("undecided",)), 0),
        (Gate(fail_on=(), fail_under=0.9), 1),
        (Gate(fail_on=(), fail_under=0.3), 0),
        (Gate(fail_on=(), most_regressions=24), 1),
        (Gate(fail_on=(), most_regressions=25), 0),
        (Gate(fail_on=(), most_missing=0), 0),
        (Gate(fail_under=1.0, most_regressions=0), 3),
    ],
)
def test_gate_names_what_fails(report, gate, failures) -> None:
    assert len(failures_of(report, gate, HOSTILE)) == failures


def test_gate_fails_what_is_not_there(report) -> None:
    assert failures_of(report, Gate(), "7") == ["version 7 is not in the report; evaluate it"]
    nothing = report_of("p", "d", dataset(), [answers("1", lambda *_: None)], SPECS[:1])
    assert failures_of(nothing, Gate(fail_under=0.1), "1") == ["the score none of version 1 is under 0.1"]
    assert len(failures_of(nothing, Gate(most_missing=59), "1")) == 1
