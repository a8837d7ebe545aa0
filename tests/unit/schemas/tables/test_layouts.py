"""Names of entities and entries are written down once; readers and Lua use the same."""

import re
from pathlib import Path

import pytest

from connectors.redis.scripts import FRAGMENTS, script
from schemas.tables import budgets, runs

ROOT = Path(__file__).parents[4]
PACKAGES = ("connectors", "services", "streams", "api")
#: A name of a table in quotes; of the short names only those that are nothing else.
NAMES = (runs.STATUS, runs.SPEC_PREFIX, budgets.SETTLED_PREFIX, budgets.SETTLEMENT)
QUOTED = re.compile(rf"""["']({"|".join(map(re.escape, NAMES))})(?:\{{[^"']*)?["']""")


def test_lua_of_holds_reads_the_settlement_of_a_call() -> None:
    text = (FRAGMENTS / "is_settled.lua").read_text("utf-8")
    assert re.findall(r"'HGET', key, '(\w+)'", text) == [budgets.SETTLEMENT]
    entity = f"ARGV[1] .. ':e:{budgets.SETTLED_PREFIX}' .. ARGV[i], '{budgets.SETTLEMENT}'"
    assert entity in script("hold_expire")


@pytest.mark.parametrize("name", ["put_hold", "release_hold", "extend_hold"])
def test_lua_of_holds_names_their_timer(name: str) -> None:
    text = (FRAGMENTS / f"{name}.lua").read_text("utf-8")
    assert re.findall(r"'(\w+)\\31' \.\. call", text) == [budgets.HOLD]


@pytest.mark.parametrize("package", PACKAGES)
def test_names_are_copied_nowhere(package: str) -> None:
    paths = list((ROOT / package).rglob("*.py"))
    assert paths
    assert [(str(path), found) for path in paths for found in QUOTED.findall(path.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    "source", ['pipe.hget(key, "st")', "ENTITY = 'spec:'", 'f"settled:{call_id}"', "x = 'settlement'"]
)
def test_copy_is_found(source: str) -> None:
    assert QUOTED.search(source)


@pytest.mark.parametrize("module", [runs, budgets])
def test_entries_of_a_table_have_different_names(module) -> None:
    names = [value for name, value in vars(module).items() if name.isupper()]
    assert len(names) == len(set(names))
