"""The files of the schema: numbered without gaps and repeats, each applied in its turn, before or after the roles."""

import re

import pytest

from deploy.migrate import AFTER, Migration, MigrationError, in_turn, read_migrations

#: From here on a migration that takes something away says that it comes after the roles.
FIRST_CHECKED = 38
_TAKES_AWAY = re.compile(
    r"^\s*DROP\s+(TABLE|COLUMN)|\bDROP\s+COLUMN\b|\bRENAME\s+(TO|COLUMN)\b|ALTER\s+COLUMN\s+\w+\s+(TYPE|SET\s+NOT\s+NULL)",
    re.IGNORECASE | re.MULTILINE,
)


def migration(number: int, *, after: bool = False) -> Migration:
    return Migration(number, f"{number:04d}_x.sql", f"{AFTER}\nSELECT 1" if after else "SELECT 1")


def test_the_migrations_can_be_read_in_order() -> None:
    assert read_migrations()


def test_a_migration_that_takes_something_away_comes_after_the_roles() -> None:
    wrong = [one.name for one in read_migrations() if one.number >= FIRST_CHECKED and _TAKES_AWAY.search(one.sql)]
    assert [name for name in wrong if not _of(name).after] == [], f"begin them with {AFTER!r}, in a file of their own"
    assert _TAKES_AWAY.search("ALTER TABLE a DROP COLUMN b")
    assert _TAKES_AWAY.search("ALTER TABLE a ALTER COLUMN b TYPE json")
    assert not _TAKES_AWAY.search("ALTER TABLE a ADD COLUMN b text")


def _of(name: str) -> Migration:
    return next(one for one in read_migrations() if one.name == name)


def test_what_comes_before_the_roles_is_applied_and_the_rest_is_left() -> None:
    missing = [migration(1), migration(2), migration(3, after=True)]
    assert [one.number for one in in_turn(missing, after=False)] == [1, 2]
    assert [one.number for one in in_turn(missing[2:], after=True)] == [3]
    assert in_turn(missing[2:], after=False) == []
    assert in_turn([], after=True) == in_turn([], after=False) == []


def test_what_comes_after_the_roles_is_not_applied_before_them() -> None:
    with pytest.raises(MigrationError, match=r"0001_x\.sql comes before the roles: run `python -m deploy\.migrate up`"):
        in_turn([migration(1), migration(2, after=True)], after=True)


def test_a_version_is_not_passed_over_that_left_something_to_be_done() -> None:
    missing = [migration(1, after=True), migration(2), migration(3, after=True)]
    with pytest.raises(MigrationError, match=r"0001_x\.sql comes before 0002_x\.sql, and after the roles"):
        in_turn(missing, after=False)
    assert [one.number for one in in_turn(missing, after=True)] == [1], "and then the next version's first part"
