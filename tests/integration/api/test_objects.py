"""Stored values over HTTP: an organisation's own, whole, and nothing else."""

import asyncio
from pathlib import Path

import pytest

from connectors.objects.store import LocalObjects
from schemas.settings import Settings
from tests.support.api import Running, settings_for


@pytest.fixture
def settings(dsn: str, redis_url: str, tmp_path: Path) -> Settings:
    return settings_for(dsn, redis_url, OBJECTS_DIR=str(tmp_path))


async def test_a_reference_is_downloaded_by_its_hash(api: Running, tmp_path: Path) -> None:
    value = b'["' + b"x" * 100_000 + b'"]'
    reference = await LocalObjects(tmp_path).put(api.org_id, value)
    answer = await api.client.get(f"/api/v1/objects/{reference.sha256}")
    assert (answer.status_code, answer.content) == (200, value)
    assert answer.headers["etag"] == f'"{reference.sha256}"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "attachment"


async def test_another_organisations_is_not_there(api: Running, tmp_path: Path) -> None:
    reference = await LocalObjects(tmp_path).put("another-org", b"theirs")
    answer = await api.client.get(f"/api/v1/objects/{reference.sha256}")
    assert answer.status_code == 404
    assert "theirs" not in answer.text


async def test_without_a_key_there_is_nothing(api: Running, tmp_path: Path) -> None:
    reference = await LocalObjects(tmp_path).put(api.org_id, b"data")
    async with api.as_key(None) as nobody:
        assert (await nobody.get(f"/api/v1/objects/{reference.sha256}")).status_code == 401


async def test_changed_bytes_are_never_served(api: Running, tmp_path: Path) -> None:
    reference = await LocalObjects(tmp_path).put(api.org_id, b"data")
    file = tmp_path / api.org_id / reference.sha256[:2] / reference.sha256
    await asyncio.to_thread(file.write_bytes, b"dato")
    answer = await api.client.get(f"/api/v1/objects/{reference.sha256}")
    assert (answer.status_code, "restore it from a backup" in answer.text) == (503, True)


@pytest.mark.parametrize("name", ["x", "A" * 64, "..%2f..%2fetc%2fpasswd"])
async def test_what_is_no_hash_is_refused(api: Running, name: str) -> None:
    assert (await api.client.get(f"/api/v1/objects/{name}")).status_code in (404, 422)
