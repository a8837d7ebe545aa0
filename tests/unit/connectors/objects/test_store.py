"""Stored payloads: by content, per organisation, checked when read."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec import structs

from connectors.objects.store import CorruptObject, LocalObjects
from schemas.errors import BadValue, Forbidden, NotFound, Unavailable
from schemas.payload import INLINE_LIMIT, Inline, MissingPath, Reference


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path)


def stored_files(root: Path) -> list[Path]:
    return [p for p in root.rglob("*") if p.is_file()]


async def test_bytes_come_back_and_equal_bytes_are_stored_once(objects: LocalObjects, tmp_path: Path) -> None:
    references = await asyncio.gather(*(objects.put("acme", b"data", "text/plain", {"a": "b"}) for _ in range(10)))
    assert len(set(map(str, references))) == 1
    reference = references[0]
    assert (reference.size, reference.media_type, reference.tags) == (4, "text/plain", {"a": "b"})
    assert await LocalObjects(tmp_path).get("acme", reference) == b"data"
    (file,) = stored_files(tmp_path)
    assert file.read_bytes() == b"data"


async def test_another_organisation_sees_nothing(objects: LocalObjects) -> None:
    reference = await objects.put("acme", b"data")
    with pytest.raises(Forbidden):
        await objects.get("globex", reference)
    disguised = structs.replace(reference, uri=reference.uri.replace("acme", "globex"))
    with pytest.raises(NotFound):
        await objects.get("globex", disguised)


@pytest.mark.parametrize(
    "changes",
    [
        {"uri": "file:///etc/passwd"},
        {"uri": "objects:///acme/../../etc/passwd"},
        {"sha256": "../../../../etc/passwd"},
        {"sha256": "A" * 64},
        {"sha256": ""},
    ],
)
async def test_a_reference_leads_nowhere_else(objects: LocalObjects, changes: dict[str, str]) -> None:
    reference = structs.replace(await objects.put("acme", b"data"), **changes)
    with pytest.raises(Forbidden):
        await objects.get("acme", reference)


async def test_an_organisation_cannot_be_a_path(objects: LocalObjects) -> None:
    with pytest.raises(Forbidden):
        await objects.put("../acme", b"data")


async def test_changed_bytes_are_noticed(objects: LocalObjects, tmp_path: Path) -> None:
    reference = await objects.put("acme", b"data")
    (file,) = stored_files(tmp_path)
    file.write_bytes(b"dato")
    with pytest.raises(CorruptObject):
        await LocalObjects(tmp_path).get("acme", reference)


async def test_a_disk_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "acme").write_text("a file where a directory should be")
    with pytest.raises(Unavailable):
        await LocalObjects(tmp_path).put("acme", b"data")
    assert stored_files(tmp_path) == [tmp_path / "acme"]


async def test_small_values_travel_inside(objects: LocalObjects, tmp_path: Path) -> None:
    payload = await objects.to_payload("acme", {"a": (1, 2), "n": None})
    assert payload == Inline(value={"a": [1, 2], "n": None})
    assert await objects.resolve("acme", payload) == {"a": [1, 2], "n": None}
    assert not stored_files(tmp_path)


async def test_the_limit_is_in_bytes_of_json(objects: LocalObjects) -> None:
    fits = "é" * ((INLINE_LIMIT - 2) // 2)
    assert isinstance(await objects.to_payload("acme", fits), Inline)
    assert isinstance(await objects.to_payload("acme", fits + "é"), Reference)


async def test_large_values_are_stored_and_a_list_says_its_length(objects: LocalObjects) -> None:
    value = ["x" * 100] * 1000
    payload = await objects.to_payload("acme", value)
    assert isinstance(payload, Reference)
    assert (payload.length, payload.media_type) == (1000, "application/json")
    assert await objects.resolve("acme", payload) == value
    text = await objects.to_payload("acme", "x" * 100_000)
    assert isinstance(text, Reference)
    assert text.length is None


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", [object(), {1: 2}, 2**70, 2**63, b"bytes", [None, float("nan")], "\0", "\ud800"])
async def test_what_json_cannot_say_is_refused(objects: LocalObjects, value: Any) -> None:
    with pytest.raises(BadValue):
        await objects.to_payload("acme", value)


async def test_what_is_too_deep_to_be_read_again_is_refused(objects: LocalObjects) -> None:
    assert await objects.to_payload("acme", nested(90)) == Inline(value=nested(90))
    with pytest.raises(BadValue):
        await objects.to_payload("acme", nested(91))


async def test_the_cache_is_bounded_by_bytes(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path, cache_bytes=1000)
    references = [await objects.put("acme", bytes([i]) * 200) for i in range(8)]
    for path in stored_files(tmp_path):
        path.unlink()
    found = []
    for i, reference in enumerate(references):
        try:
            assert await objects.get("acme", reference) == bytes([i]) * 200
            found.append(i)
        except NotFound:
            pass
    assert found == [3, 4, 5, 6, 7]


async def test_a_part_is_the_callers_own_and_the_whole_is_parsed_once(
    objects: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = await objects.to_payload("acme", [{"n": n, "text": "x" * 1_000} for n in range(100)])
    parsed = []
    loads = orjson.loads
    monkeypatch.setattr("connectors.objects.store.orjson.loads", lambda data: parsed.append(len(data)) or loads(data))
    found = await asyncio.gather(*(objects.part("acme", payload, [n]) for n in range(100)))
    assert [one["n"] for one in found] == list(range(100))
    assert len(parsed) == 1
    found[7]["n"] = "changed"
    assert await objects.part("acme", payload, [7, "n"]) == 7
    assert len(await objects.part("acme", payload, [])) == 100


async def test_a_part_is_no_way_around_anything(objects: LocalObjects) -> None:
    reference = await objects.put("acme", b'[[1], {"a": 2}]')
    assert await objects.part("acme", reference, [1, "a"]) == 2
    with pytest.raises(MissingPath):
        await objects.part("acme", reference, [2])
    with pytest.raises(Forbidden):
        await objects.part("globex", reference, [0])
    with pytest.raises(Forbidden):
        await objects.part("acme", structs.replace(reference, uri="objects:///globex/x"), [0])
    assert await objects.part("acme", Inline(value=[[5]]), [0, 0]) == 5


async def test_object_over_a_quarter_of_the_cache_is_not_cached(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path, cache_bytes=1000)
    small, large = await objects.put("acme", b"s" * 250), await objects.put("acme", b"l" * 251)
    for path in stored_files(tmp_path):
        path.unlink()
    assert await objects.get("acme", small) == b"s" * 250
    with pytest.raises(NotFound):
        await objects.get("acme", large)


async def test_value_over_the_cache_is_parsed_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.objects.store.VALUES_BYTES", 1_000)
    objects = LocalObjects(tmp_path)
    payload = await objects.to_payload("acme", ["x" * 100_000])
    assert await objects.part("acme", payload, [0]) == "x" * 100_000
    assert not objects._values
