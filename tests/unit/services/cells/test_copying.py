"""What is compared, and the parts of money."""

import pytest

from schemas.errors import Unavailable
from services.cells.copying import Different, compare
from services.cells.parts import FIELDS_OF_PART
from services.cells.site import money_parts

SAME = {"postgres workflow_run": "3 rows, 1-2", "money": "2 entries, ab"}


def test_equal_digests_pass() -> None:
    compare(SAME, dict(SAME), dict(SAME))


def test_a_difference_names_the_table_with_both_sides() -> None:
    with pytest.raises(Different, match=r"postgres workflow_run \(here 3 rows, 1-2, there 2 rows, 1-2\)"):
        compare(SAME, SAME, SAME | {"postgres workflow_run": "2 rows, 1-2"})


def test_a_table_that_is_missing_there_is_a_difference() -> None:
    with pytest.raises(Different, match="money"):
        compare(SAME, SAME, {"postgres workflow_run": SAME["postgres workflow_run"]})


def test_what_changed_here_meanwhile_makes_the_copy_again() -> None:
    with pytest.raises(Unavailable, match="postgres workflow_run changed"):
        compare(SAME, SAME | {"postgres workflow_run": "4 rows, 1-2"}, SAME)


def test_money_is_in_two_records_at_least_and_each_entry_in_one() -> None:
    fields = {f"f{n}": "1" * 400 for n in range(FIELDS_OF_PART + 500)}
    parts = money_parts(fields)
    assert len(money_parts({})) == 2
    assert {name: value for part in parts for name, value in part.items()} == fields
    assert sum(map(len, parts)) == len(fields)
    assert all(sum(len(n) + len(v) for n, v in part.items()) < 900_000 for part in parts)
