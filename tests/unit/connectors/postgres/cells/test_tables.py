"""Every table of the migrations travels with an organisation, or stays for a reason."""

import re
from pathlib import Path

from connectors.postgres.cells.tables import CARRIED, STAYS, unclassified

MIGRATIONS = Path("deploy/migrations/postgres")
#: Made by the runner of migrations itself.
OF_THE_RUNNER = {"schema_migration"}


def made() -> dict[str, str]:
    """Return the tables that migrations make, with what is between the brackets."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted(MIGRATIONS.glob("*.sql")))
    found = re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+) \((.*?)\n\)", text, re.DOTALL)
    return {name: body for name, body in found if not re.search(rf"DROP TABLE (IF EXISTS )?{name}\b", text)}


def test_somebody_decided_about_each_table() -> None:
    assert unclassified([*made(), *OF_THE_RUNNER]) == []


def test_a_table_with_an_organisation_travels_unless_it_stays_for_a_reason() -> None:
    of_organisations = {name for name, body in made().items() if re.search(r"^\s+org_id\s", body, re.MULTILINE)}
    assert of_organisations - CARRIED.keys() == {"organisation_place", "cell_move", "cell_arrival", "object_due"}
    assert {name for name, one in CARRIED.items() if one.by == "org_id"} <= of_organisations


def test_columns_that_are_named_are_there() -> None:
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted(MIGRATIONS.glob("*.sql")))
    for name, one in CARRIED.items():
        for column in (one.by, *one.made_there, *one.passing):
            assert re.search(rf"\b{column}\b", text), f"{name}.{column}"


def test_a_new_table_is_named() -> None:
    assert unclassified([*CARRIED, *STAYS, "surprise"]) == ["surprise"]
    assert unclassified([*(CARRIED.keys() - {"budget"}), *STAYS]) == ["budget"]
