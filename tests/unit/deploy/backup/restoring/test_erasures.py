"""Lists of erasures, and rows of migrations that are not ours."""

import pytest

from deploy.backup.archive.manifest import Rows
from deploy.backup.errors import BackupRefused
from deploy.backup.restoring.erasures import read_list
from deploy.backup.restoring.rows import migrations_of
from deploy.migrate import Migration

SUBJECT = "sub_" + "0a" * 16


def test_a_list_has_an_organisation_and_a_pseudonym_a_line(tmp_path) -> None:
    file = tmp_path / "erased"
    file.write_text(f"# since Monday\nacme {SUBJECT}\n\n")

    assert read_list(file) == {("acme", SUBJECT)}
    assert read_list(None) == set()


@pytest.mark.parametrize("line", ["acme", "acme customer-17", f"acme {SUBJECT} x"])
def test_other_lines_are_refused_by_number(tmp_path, line: str) -> None:
    file = tmp_path / "erased"
    file.write_text(f"acme {SUBJECT}\n{line}\n")

    with pytest.raises(BackupRefused, match="line 2"):
        read_list(file)
    with pytest.raises(BackupRefused, match="cannot be read"):
        read_list(tmp_path / "none")


def test_rows_are_restored_under_the_migrations_that_they_had() -> None:
    known = [Migration(1, "0001_a.sql", "a"), Migration(2, "0002_b.sql", "b")]
    old = Rows(migrations={1: known[0].checksum}, tables={})

    assert migrations_of(old, known) == known[:1]
    with pytest.raises(BackupRefused, match="which this checkout lacks"):
        migrations_of(Rows(migrations={3: "x"}, tables={}), known)
    with pytest.raises(BackupRefused, match="is not what the backup's rows were under"):
        migrations_of(Rows(migrations={2: "x"}, tables={}), known)
