"""The memory of a process and its limit, where they can be read."""

from pathlib import Path

from streams.process.memory import limit_bytes, resident_bytes


def test_the_process_has_memory_and_less_than_it_may_have() -> None:
    used, most = resident_bytes(), limit_bytes()
    assert used is not None
    assert most is not None
    assert 0 < used < most


def test_the_limit_of_the_control_group_counts_when_it_is_lower(tmp_path: Path) -> None:
    (tmp_path / "max").write_text("1048576\n", encoding="ascii")
    assert limit_bytes((tmp_path / "max",)) == 1 << 20


def test_no_limit_is_that_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "max").write_text("max\n", encoding="ascii")
    assert limit_bytes((tmp_path / "max", tmp_path / "none")) == limit_bytes(())


def test_what_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    assert resident_bytes(tmp_path / "none") is None
    (tmp_path / "statm").write_text("", encoding="ascii")
    assert resident_bytes(tmp_path / "statm") is None
