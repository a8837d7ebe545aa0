"""``agentctl vault rotate`` waits for a rotation and ends with it."""

from pathlib import Path
from typing import Any

from agentflow.cli.commands.access.vault import PAUSE_S

from tests.support.ctl import NOW, Ctl

ROTATE = ("POST", "/api/v1/vault/rotate")


def answer(state: str, left: int = 0, damaged: int = 0) -> dict[str, Any]:
    return {"state": state, "version": 2, "left": left, "damaged": damaged, "wrapped": 0}


def rotated(tmp_path: Path, *answers: dict[str, Any], options: tuple[str, ...] = ()) -> tuple[Ctl, str]:
    ctl = Ctl(tmp_path, {ROTATE: list(answers)})
    done = ctl("vault", "rotate", *options, "-o", "json")
    assert done.code == 0, done.err
    return ctl, done.document["state"]


def test_it_repeats_until_nothing_is_left(tmp_path: Path) -> None:
    ctl, state = rotated(tmp_path, answer("settling"), answer("wrapping", 9), answer("done"))
    assert state == "done"
    assert [sent.body for sent in ctl.api.sent] == [
        {"key": "organisation", "begin": True},
        {"key": "organisation", "begin": False},
        {"key": "organisation", "begin": False},
    ]
    assert ctl.clock == NOW + 2 * PAUSE_S


def test_it_ends_when_only_damaged_ones_are_left(tmp_path: Path) -> None:
    ctl, state = rotated(tmp_path, answer("wrapping", 2, 2), options=("--resume",))
    assert state == "wrapping"
    assert [sent.body for sent in ctl.api.sent] == [{"key": "organisation", "begin": False}]


def test_the_master_key_is_one_request(tmp_path: Path) -> None:
    ctl, _ = rotated(tmp_path, answer("done"), options=("--master",))
    assert [sent.body for sent in ctl.api.sent] == [{"key": "master"}]
