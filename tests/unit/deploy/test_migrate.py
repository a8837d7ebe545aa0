"""The files of the schema are numbered without gaps and repeats, which two changes made side by side can break."""

from deploy.migrate import read_migrations


def test_the_migrations_can_be_read_in_order() -> None:
    assert read_migrations()
