"""The pages about policies: every example is valid and its tests pass, and the tables name what there is."""

import re
from pathlib import Path

import pytest

from schemas.policies.document import Endorsement, Policy, PolicyTest, Rule, ToolDeclaration
from schemas.policies.expressions import VARIABLES
from schemas.policies.packs import PACKS
from schemas.policies.read import read_policy
from schemas.policies.rulings import STRICTNESS
from schemas.policies.testing import run_tests

ROOT = Path(__file__).resolve().parents[3]
_HOW_TO = ROOT / "docs" / "how-to" / "policies.md"
_REFERENCE = ROOT / "docs" / "reference" / "policies.md"
_OWASP = ROOT / "docs" / "explanation" / "owasp.md"

_YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CELL = re.compile(r"`([^`]+)`")
_EXAMPLES = [text for page in (_HOW_TO, _REFERENCE) for text in _YAML.findall(page.read_text(encoding="utf-8"))]


def _section(title: str) -> str:
    return _REFERENCE.read_text(encoding="utf-8").partition(f"{title}\n")[2].partition("\n#")[0]


def _first_cells(section: str) -> list[list[str]]:
    rows = [row.split(" | ") for row in section.splitlines() if row.startswith("| `")]
    return [_CELL.findall(row[0]) for row in rows]


def _names(section: str) -> set[str]:
    return {name for cells in _first_cells(section) for name in cells}


@pytest.mark.parametrize("text", _EXAMPLES, ids=range(len(_EXAMPLES)))
def test_examples_are_valid_and_their_tests_pass(text: str) -> None:
    policy = read_policy(text)
    assert policy.tests
    assert [one.line for one in run_tests(policy).failed] == []


@pytest.mark.parametrize(
    ("title", "model"), [("## The document", Policy), ("### Tools", ToolDeclaration), ("### Rules", Rule)]
)
def test_every_field_has_a_row(title: str, model: type[Policy | ToolDeclaration | Rule]) -> None:
    assert set(model.model_fields) <= _names(_section(title))


def test_endorsements_and_tests_have_their_fields() -> None:
    page = _REFERENCE.read_text(encoding="utf-8")
    assert [one for one in (*Endorsement.model_fields, *PolicyTest.model_fields) if f"`{one}`" not in page] == []


def test_every_variable_has_a_row_with_its_points_and_fields() -> None:
    rows = {}
    for row in _section("## Conditions").splitlines():
        if row.startswith("| `"):
            name, points, fields = row.strip("| ").split(" | ")
            rows[name.strip("`")] = (points, fields)
    variables = {name for fields in VARIABLES.values() for name in fields}
    assert set(rows) == variables
    for at, fields in VARIABLES.items():
        for name, known in fields.items():
            points, said = rows[name]
            assert points == "all" or at in points.split(", "), (name, at)
            own = [one for one in known if one not in ("integrity", "classes", "readers", "limited", "origins")]
            assert [one for one in own if f"`{one}`" not in said] == []


def test_every_verdict_and_every_rule_of_a_pack_has_a_row() -> None:
    assert set(STRICTNESS) <= _names(_section("### Rules"))
    packs = {name: read_policy(text) for name, text in PACKS.items()}
    rules = {f"{name}/{rule.id}" for name, pack in packs.items() for rule in pack.rules if "/" not in rule.id}
    rules |= {f"{name}/{one}" for name, pack in packs.items() if pack.privacy for one in pack.privacy.ids}
    assert _names(_section("## Packs")) == rules


def test_owasp_has_every_row_with_a_test_that_exists() -> None:
    rows = re.findall(
        r"^\| ((?:LLM|ASI)\d\d) [^|]+\| ([^|]+) \| ([^|]+) \|$", _OWASP.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [row[0] for row in rows] == [f"{kind}{at:02}" for kind in ("LLM", "ASI") for at in range(1, 11)]
    for _, control, tests in rows:
        assert [path for path in _CELL.findall(tests) if not (ROOT / path).exists()] == []
        named = [one for one in _CELL.findall(control) if one.partition("/")[0] in PACKS]
        assert [one for one in named if one not in _names(_section("## Packs"))] == []
