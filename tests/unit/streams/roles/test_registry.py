"""The roles' specs are the one source: the operations page, the catalogue and the command line say the same."""

import re
from pathlib import Path

import pytest

from streams import roles
from streams.app import main
from streams.process.spec import Dependency, RoleSpec, needed, optional
from streams.roles.registry import ROLES
from topics.catalogue import AUDIT_EVENTS, CATALOGUE, STEP_REQUESTS

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "how-to" / "operations.md").read_text(encoding="utf-8")
NAMES = {
    Dependency.KAFKA: "Kafka",
    Dependency.REDIS: "Redis",
    Dependency.POSTGRES: "PostgreSQL",
    Dependency.CLICKHOUSE: "ClickHouse",
    Dependency.NATS: "NATS",
    Dependency.VAULT: "vault",
}
#: Declared ahead of the role that writes it.
UNUSED = {AUDIT_EVENTS}


def cells(role: str) -> list[str]:
    """The row of the page's table of roles: name, command, reads, writes, needs."""
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {role} |")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def topics_in(cell: str) -> set[str]:
    return {name.removesuffix(".*") for name in re.findall(r"(?<!table )`([^`]+)`", cell)}


def covers(named: tuple[str, ...], topic: str) -> bool:
    return any(topic == name or topic.startswith(f"{name}.") for name in named)


@pytest.mark.parametrize("spec", ROLES.values(), ids=ROLES)
def test_row_of_the_operations_page_says_what_the_spec_says(spec: RoleSpec) -> None:
    _, command, reads, writes, needs = cells(spec.name)
    assert command == f"`python -m streams {spec.name}`"
    assert topics_in(reads) == set(spec.reads)
    assert topics_in(writes) == set(spec.writes)
    assert re.findall(r"table `([^`]+)`", writes) == ([spec.table] if spec.table else [])
    always, _, sometimes = needs.partition(";")
    assert {one for one, name in NAMES.items() if name in always} == set(spec.needs)
    assert {one for one, name in NAMES.items() if name in sometimes} == set(spec.uses)


def test_rows_of_the_operations_page_are_the_roles_and_the_api() -> None:
    table = PAGE.partition("## Roles")[2].partition("\n\n`python")[0]
    assert re.findall(r"^\| ([\w-]+) \| `python", table, re.MULTILINE) == ["api", *ROLES]


def test_catalogue_names_the_roles_that_read_and_write_each_topic() -> None:
    tables = {spec.table: name for name, spec in ROLES.items() if spec.table}
    for topic in CATALOGUE:
        if topic.name in UNUSED:
            continue
        if topic.name.endswith(".checkpoint"):
            assert {tables[topic.name.removesuffix(".checkpoint")]} == set(topic.readers) == set(topic.writers)
            continue
        said = {who for who in topic.readers if who in ROLES}
        readers = {name for name, spec in ROLES.items() if covers(spec.reads, topic.name)}
        if topic.readers == ("the queue's workers",):
            said = {"worker", "leases"}
        elif topic.name.startswith(f"{STEP_REQUESTS}."):
            # Of the step requests leases are given of queues only.
            readers -= {"leases"}
        assert readers == said, topic.name
        writers = {name for name, spec in ROLES.items() if covers(spec.writes, topic.name)}
        assert writers == {who for who in topic.writers if who in ROLES}, topic.name


def test_every_module_with_a_spec_is_registered() -> None:
    found = {path for path in Path(roles.__path__[0]).rglob("*.py") if "\nSPEC = " in path.read_text(encoding="utf-8")}
    names = {path.parent.name if path.stem == "role" else path.stem for path in found}
    assert {name.replace("_", "-") for name in names} == set(ROLES)
    assert all(name == spec.name for name, spec in ROLES.items())


def test_dependency_that_one_role_needs_is_not_optional_for_the_process() -> None:
    live, history = ROLES["live"], ROLES["history"]
    assert needed([live, history]) == {Dependency.KAFKA, Dependency.POSTGRES}
    assert optional([live, history]) == {Dependency.NATS}
    stricter = RoleSpec(name="x", summary="", build=live.build, needs=(Dependency.NATS,))
    assert optional([live, stricter]) == set()


def test_help_lists_every_role_with_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for name, spec in ROLES.items():
        assert re.search(rf"^  {name} +{re.escape(spec.summary)}; needs {', '.join(spec.needs)}$", text, re.MULTILINE)
