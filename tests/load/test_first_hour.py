"""The first hour of a user, as the pages tell it: their commands, copied from them, on a fresh data directory."""

import sys
from pathlib import Path

import pytest

from bench.firsthour.commands import TUTORIAL, first_hour
from bench.firsthour.doc_blocks import blocks, missing_lines

PROMISED = 'event: run\ndata: {"id":"0eecbc4e-…","status":"running",…}\n "words": 22\n'
GIVEN = 'event: run\ndata: {"id":"c3371173-d6de-5315-8fa0-584969d02556","status":"running","x":1}\n  "words": 7\n'


@pytest.mark.timeout(400)
def test_the_commands_of_the_pages_work_as_written(tmp_path: Path) -> None:
    assert first_hour(tmp_path, sys.stderr.write) == []


def test_promised_output_is_compared_but_for_ids_numbers_and_what_is_left_out() -> None:
    assert missing_lines(PROMISED, GIVEN) == []
    assert missing_lines("failed\n", GIVEN) == ["failed"]
    assert missing_lines(PROMISED, GIVEN.replace("running", "queued")) == [PROMISED.splitlines()[1]]


def test_the_tutorial_has_commands_and_their_output() -> None:
    found = [block.language for block in blocks(TUTORIAL)]
    assert found.count("bash") >= 10
    assert {"text", "json"} < set(found)
