"""Exit codes are distinct, each has its advice, and the operations page has the same table."""

import re
from pathlib import Path

from streams.process.exit_codes import ADVICE, Ending, Exit

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "how-to" / "operations.md").read_text(encoding="utf-8")


def test_every_code_has_advice() -> None:
    assert set(ADVICE) == set(Exit)


def test_no_two_endings_share_a_code() -> None:
    assert len(Exit.__members__) == len({code.value for code in Exit})


def test_the_last_line_says_who_why_what_to_do_and_the_code() -> None:
    line = Ending(Exit.NO_BROKER, "no broker at 127.0.0.1:9 within 1 s").line("python -m streams worker")
    assert line.startswith("python -m streams worker: no broker at 127.0.0.1:9 within 1 s; ")
    assert "KAFKA_BOOTSTRAP" in line
    assert line.endswith("(exit code 69)")
    assert "\n" not in line


def test_the_operations_page_has_every_code() -> None:
    documented = re.findall(r"^\| (\d+) \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert documented == [(str(code.value), code.name) for code in Exit]
