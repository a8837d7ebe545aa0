"""The documents say what is there: settings with their defaults, topics, make targets, links, figures."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import settings
from schemas.configuration import variables
from schemas.metrics import SERVED, STORED
from streams.roles.registry import ROLES
from streams.runtime.table import crash_points
from topics.catalogue import CATALOGUE, DAY_MS, Topic
from topics.dead_letters import letter

ROOT = Path(__file__).resolve().parents[3]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
OTHER_PAGES = (ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")
PAGES = sorted({README, *OTHER_PAGES, *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("README.md")})

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_SETTING_ROW = re.compile(r"^\| `([A-Z_]+)` \| (`[^`]*`|empty|[^|]*?) \|", re.MULTILINE)
_FIGURE_ROW = re.compile(r"^\| `(\w+)`[^|]*\| ([\d,.]+) ([^ |]+) \|$", re.MULTILINE)
#: Read beside the settings, each by the one who needs it.
OTHER_VARIABLES = {"AGENTFLOW_CACHE"}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def defaults() -> dict[str, str]:
    """Every setting's variable with its default as text."""
    return {name: setting.default for name, setting in settings.variables().items()}


def rows_of_settings() -> dict[str, str]:
    """The variables of the configuration page with the defaults that it names."""
    found = _SETTING_ROW.findall(text_of(DOCS / "reference" / "configuration.md"))
    return {name: "" if default == "empty" else default.strip("`") for name, default in found}


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = _HEADING.findall(_FENCE.sub("", text_of(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in _LINK.findall(_FENCE.sub("", text_of(page))):
            if not re.match(r"[a-z]+:", target):
                yield page, target


def test_the_configuration_page_names_every_setting_with_its_default() -> None:
    said = rows_of_settings()
    assert {name: said.get(name) for name in defaults()} == defaults()


def test_the_configuration_page_names_no_setting_that_is_not_there() -> None:
    assert set(rows_of_settings()) - set(defaults()) == OTHER_VARIABLES


def test_the_parts_of_urls_are_named() -> None:
    page = text_of(DOCS / "reference" / "configuration.md")
    source = Path(variables.__file__).read_text(encoding="utf-8")
    parts = set(re.findall(r'"((?:DB|REDIS|CLICKHOUSE)_[A-Z_]+)"', source))
    assert parts
    assert {part for part in parts if f"`{part}`" not in page} == set()


def test_the_configuration_page_names_every_secret_that_a_file_may_hold() -> None:
    page = text_of(DOCS / "reference" / "configuration.md")
    section = page.partition("## Secrets from files")[2].partition("\n## ")[0]
    listed = section.rpartition("This holds for")[2].partition(", and for")[0]
    secrets = {name for name, setting in settings.variables().items() if setting.secret}
    passwords = {"REDIS_PASSWORD", "REDIS_SENTINEL_PASSWORD", "DB_PASSWORD", "CLICKHOUSE_PASSWORD"}
    assert set(re.findall(r"`([A-Z_]+)`", listed)) == secrets | passwords


@pytest.mark.parametrize("topic", CATALOGUE, ids=lambda topic: topic.name)
def test_the_architecture_page_names_every_topic(topic: Topic) -> None:
    name = f"{topic.name}.<{topic.open_part}>" if topic.family else topic.name
    rows = [line for line in text_of(DOCS / "explanation" / "architecture.md").splitlines() if line.startswith("|")]
    row = next((line for line in rows if f"`{name}`" in line), None)
    assert row is not None, f"docs/explanation/architecture.md has no row for {name}"
    if topic.cleanup == "delete":
        assert f"| {topic.retention_ms // DAY_MS} days |" in row
    else:
        assert "compacted" in row


def test_the_architecture_page_names_every_crash_point() -> None:
    page = text_of(DOCS / "explanation" / "architecture.md")
    assert [point for point in crash_points.POINTS if f"`{point}`" not in page] == []


def test_the_architecture_page_lists_the_stages_of_a_call_in_their_order() -> None:
    section = text_of(DOCS / "explanation" / "architecture.md").partition("## A model call\n")[2].partition("\n## ")[0]
    steps = {}
    for file in (ROOT / "services" / "calls" / "stages").glob("[!_]*.py"):
        # A stage that says "Before step n" has no step of its own: a crash loses nothing in it.
        number = re.match(r'"""(?:Step|Before step) (\d+): ', text_of(file))
        assert number is not None, file
        if number[0].startswith('"""Step'):
            steps[int(number[1])] = file.stem
    assert re.findall(r"^\| (\d+) `(\w+)` \|", section, re.MULTILINE) == [
        (str(number), steps[number]) for number in sorted(steps)
    ]


def test_the_operations_page_names_every_role_and_dead_letter_header_and_only_metrics_that_exist() -> None:
    page = text_of(DOCS / "how-to" / "operations.md")
    letters = [letter.REASON, letter.MESSAGE, letter.TOPIC, letter.PARTITION]
    letters += [letter.OFFSET, letter.ATTEMPTS, letter.AT_MS, letter.RETRIES]
    wanted = [f"`{name}`" for name in letters] + [f"`python -m streams {role}`" for role in ROLES]
    assert [name for name in wanted if name not in page] == []
    assert set(re.findall(r"`(agentflow_[a-z_]+)`", page)) <= STORED.keys() | SERVED.keys()


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = {
        target for page in PAGES for target in re.findall(r"(?:`|^)make ([a-z0-9-]+)", text_of(page), re.MULTILINE)
    }
    assert {"run", "test"} <= named
    assert named <= targets


def test_every_relative_link_leads_somewhere() -> None:
    found = list(links())
    assert len(found) > 30
    dead = []
    for page, link in found:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        alive = target.exists() and target.is_relative_to(ROOT)
        if not alive or (anchor and anchor not in anchors(target)):
            dead.append(f"{page.relative_to(ROOT)}: {link}")
    assert dead == []


def test_every_decision_is_listed() -> None:
    listed = text_of(DOCS / "decisions" / "README.md")
    pages = [page.name for page in sorted((DOCS / "decisions").glob("0*.md"))]
    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))
    assert [name for name in pages if f"({name})" not in listed] == []


def test_benchmark_figures_equal_those_of_the_results_file_that_the_page_names() -> None:
    source_page = DOCS / "reference" / "benchmarks.md"
    section = text_of(source_page).partition("\n## Figures")[2].partition("\n## ")[0]
    source = re.search(r"\((\S*bench/results/[^)]+\.json)\)", section)
    assert source is not None
    lines = json.loads(text_of((source_page.parent / source[1]).resolve()))["lines"]
    measured = {line["name"]: (line["value"], line["unit"]) for line in lines}
    rows = _FIGURE_ROW.findall(section)
    assert len(rows) == section.count("\n| `") >= 5
    for name, figure, unit in rows:
        digits = len(figure.partition(".")[2])
        assert (f"{measured[name][0]:,.{digits}f}", measured[name][1]) == (figure, unit), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_pages_use_the_python_of_the_environment(page: Path) -> None:
    blocks = re.findall(r"^```(?:bash|sh|text)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert [line for line in lines if re.match(r"\s*(?:\w+=\S+ )*python3? ", line)] == []
