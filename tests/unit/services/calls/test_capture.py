"""Capture of requests and responses."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from connectors.objects.store import LocalObjects
from schemas.payload import Inline, Payload, Reference
from schemas.records.run_events import Capture
from services.calls.capture import captured, redacted


async def capture(directory: Path, how: Capture, body: Any) -> Payload | None:
    return await captured(LocalObjects(directory), "acme", how, body)


async def test_full_records_the_body_and_stores_a_large_one(tmp_path: Path) -> None:
    assert await capture(tmp_path, "full", {"a": 1}) == Inline(value={"a": 1})
    assert isinstance(await capture(tmp_path, "full", "x" * 100_000), Reference)


async def test_redacted_records_structure_only(tmp_path: Path) -> None:
    hidden = {"length": 6, "sha256": hashlib.sha256(b"secret").hexdigest()}
    body = {"messages": ["secret", {"text": "secret"}], "n": 1, "on": None}
    recorded = await capture(tmp_path, "redacted", body)
    assert recorded == Inline(value={"messages": [hidden, {"text": hidden}], "n": 1, "on": None})
    assert redacted("secret") == hidden


@pytest.mark.parametrize(("how", "body"), [("none", {"a": 1}), ("full", None), ("redacted", None)])
async def test_nothing_is_recorded_of_none(tmp_path: Path, how: Capture, body: Any) -> None:
    assert await capture(tmp_path, how, body) is None


async def test_a_body_that_no_record_can_carry_is_replaced_by_the_reason(tmp_path: Path) -> None:
    recorded = await capture(tmp_path, "full", {"a": {1, 2}})
    assert isinstance(recorded, Inline)
    assert list(recorded.value) == ["not_captured"]
