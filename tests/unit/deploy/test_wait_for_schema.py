"""Pods wait for migrations and topics: for what they lack, not for what is newer, and not for ever."""

from __future__ import annotations

import pytest

from deploy import wait_for_schema
from deploy.wait_for_schema import main, wait, why_not
from schemas.errors import Unavailable
from schemas.settings import Settings

SETTINGS = Settings()


def store(*answers: set[str] | Exception):
    """A store that answers in turn, and then as the last time."""
    left = list(answers)

    async def missing(settings: Settings) -> set[str]:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return missing


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(wait_for_schema, "PAUSE_S", 0.0)


async def test_nothing_missing_is_no_reason() -> None:
    assert await why_not(SETTINGS, {"PostgreSQL": store(set())}) == ""


async def test_first_store_that_lacks_something_is_named() -> None:
    stores = {"PostgreSQL": store({"0002_b.sql", "0001_a.sql"}), "Kafka": store({"run-events"})}
    assert await why_not(SETTINGS, stores) == "PostgreSQL lacks 0001_a.sql and 1 more"


async def test_store_that_does_not_answer_is_waited_for_and_said_once(capsys) -> None:
    down = Unavailable("postgres", "no answer")
    stores = {"PostgreSQL": store(down, down, {"0001_a.sql"}, set())}
    assert await wait(SETTINGS, 10.0, stores) == ""
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[1] == "waiting: PostgreSQL lacks 0001_a.sql"


async def test_time_that_is_up_leaves_the_reason() -> None:
    assert await wait(SETTINGS, 0.0, {"Kafka": store({"run-events"})}) == "Kafka lacks run-events"


def test_exit_code_says_whether_it_came(monkeypatch, capsys) -> None:
    monkeypatch.setattr(wait_for_schema, "STORES", {"Kafka": store({"run-events"})})
    assert main(["--seconds", "0"]) == 1
    assert "run `python -m deploy.migrate up` of this version" in capsys.readouterr().err
    monkeypatch.setattr(wait_for_schema, "STORES", {"Kafka": store(set())})
    assert main([]) == 0


def test_wrong_settings_are_usage(monkeypatch, capsys) -> None:
    monkeypatch.setenv("TOPIC_PARTITIONS", "many")
    assert main([]) == 2
    assert "TOPIC_PARTITIONS" in capsys.readouterr().err
