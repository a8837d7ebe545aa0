"""One behaviour suite for stored payloads, in a directory and in S3."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import structs

from connectors.objects import store as objects_module
from connectors.objects.s3 import S3Access
from connectors.objects.store import CorruptObject, Objects, open_objects
from schemas.errors import Forbidden, NotFound, Unavailable, Undecodable
from schemas.payload import INLINE_LIMIT, Inline, Reference
from tests.support.s3_server import S3Server, s3_server


class Store:
    """Where objects are, with a hand inside it."""

    def __init__(self, opened: Callable[[], Objects], server: S3Server | None, root: Path) -> None:
        self.opened = opened
        self._server = server
        self._root = root

    def names(self) -> set[str]:
        if self._server is not None:
            return {name.removeprefix("results/deep/er/") for name in self._server.objects}
        return {p.relative_to(self._root).as_posix() for p in self._root.rglob("*") if p.is_file()}

    def change(self, name: str, data: bytes | None) -> None:
        """Put other bytes in place of an object's, or none."""
        if self._server is not None:
            self._server.objects |= {f"results/deep/er/{name}": data} if data is not None else {}
            if data is None:
                del self._server.objects[f"results/deep/er/{name}"]
        elif data is None:
            (self._root / name).unlink()
        else:
            (self._root / name).write_bytes(data)


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "directory":
        yield Store(lambda: open_objects(tmp_path.as_uri(), "", S3Access()), None, tmp_path)
        return
    with s3_server() as server:
        yield Store(lambda: open_objects("s3://results/deep/er/", "", server.access), server, tmp_path)


def name_of(org: str, data: bytes) -> str:
    sha256 = hashlib.sha256(data).hexdigest()
    return f"{org}/{sha256[:2]}/{sha256}"


async def test_bytes_come_back_in_another_process(store: Store) -> None:
    reference = await store.opened().put("acme", b"data", "text/plain", {"a": "b"})
    assert (reference.size, reference.media_type, reference.tags) == (4, "text/plain", {"a": "b"})
    assert await store.opened().get("acme", reference) == b"data"
    assert await store.opened().read("acme", reference.sha256) == b"data"


async def test_equal_bytes_are_stored_once_for_each_organisation(store: Store) -> None:
    objects = store.opened()
    for org in ("acme", "acme", "globex"):
        await objects.put(org, b"data")
    assert store.names() == {name_of("acme", b"data"), name_of("globex", b"data")}


async def test_another_organisation_sees_nothing(store: Store) -> None:
    objects = store.opened()
    reference = await objects.put("acme", b"data")
    with pytest.raises(Forbidden):
        await objects.get("globex", reference)
    with pytest.raises(NotFound):
        await objects.get("globex", structs.replace(reference, uri=reference.uri.replace("acme", "globex")))
    with pytest.raises(NotFound):
        await objects.read("globex", reference.sha256)


@pytest.mark.parametrize(
    ("org", "sha256"), [("acme", "../../x"), ("acme", "A" * 64), ("..", "a" * 64), ("a/b", "a" * 64), ("", "a" * 64)]
)
async def test_names_lead_nowhere_else(store: Store, org: str, sha256: str) -> None:
    with pytest.raises(Forbidden):
        await store.opened().read(org, sha256)


async def test_changed_and_lost_bytes_are_noticed(store: Store) -> None:
    reference = await store.opened().put("acme", b"data")
    store.change(name_of("acme", b"data"), b"dato")
    with pytest.raises(CorruptObject):
        await store.opened().get("acme", reference)
    store.change(name_of("acme", b"data"), None)
    with pytest.raises(NotFound):
        await store.opened().get("acme", reference)


async def test_values_over_the_limit_are_stored_and_come_back(store: Store) -> None:
    value = ["é" * 100] * 1000
    payload = await store.opened().to_payload("acme", value)
    assert isinstance(payload, Reference)
    assert payload.length == 1000
    assert await store.opened().resolve("acme", payload) == value
    assert isinstance(await store.opened().to_payload("acme", "x" * (INLINE_LIMIT - 2)), Inline)


async def test_no_more_is_stored_or_read_than_fits_in_memory(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = await store.opened().put("acme", b"data")
    monkeypatch.setattr(objects_module, "MAX_BYTES", INLINE_LIMIT + 100)
    store.change(name_of("acme", b"data"), b"x" * (INLINE_LIMIT + 101))
    with pytest.raises(CorruptObject):
        await store.opened().get("acme", reference)
    with pytest.raises(Undecodable, match="the most is"):
        await store.opened().to_payload("acme", "x" * (INLINE_LIMIT + 100))


@pytest.mark.parametrize("url", ["http://b/x", "s3://", "s3:///x", "s3://b/x?region=y", "file://host/x", "x"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="OBJECTS_URL"):
        open_objects(url, "", S3Access())


@pytest.fixture
def server() -> Iterator[S3Server]:
    with s3_server() as found:
        yield found


async def test_a_store_that_fails_for_a_moment_is_asked_again(server: S3Server) -> None:
    objects = open_objects("s3://results", "", server.access)
    server.fail_next = [503]
    reference = await objects.put("acme", b"data")
    server.fail_next = [500]
    assert await open_objects("s3://results", "", server.access).get("acme", reference) == b"data"


@pytest.mark.parametrize("status", [503, 403])
async def test_a_store_that_does_not_answer_is_unavailable(server: S3Server, status: int) -> None:
    objects = open_objects("s3://results", "", server.access)
    server.fail_next = [status] * 20
    with pytest.raises(Unavailable) as caught:
        await objects.put("acme", b"data")
    assert caught.value.dependency == "objects"
    assert "a-test-secret" not in str(caught.value)
    with pytest.raises(Unavailable):
        await objects.read("acme", "a" * 64)


async def test_nobody_listens(server: S3Server) -> None:
    access = S3Access("http://127.0.0.1:9", "us-east-1", "key", "secret")
    with pytest.raises(Unavailable):
        await open_objects("s3://results", "", access).put("acme", b"data")


@pytest.mark.parametrize("length", [2, 400])
async def test_a_store_that_lies_about_the_length_is_not_believed(server: S3Server, length: int) -> None:
    reference = await open_objects("s3://results", "", server.access).put("acme", b"data")
    server.lie = length
    with pytest.raises((Unavailable, CorruptObject)):
        await open_objects("s3://results", "", server.access).get("acme", reference)


def test_credentials_are_not_shown() -> None:
    assert "secret" not in repr(S3Access("http://x", "r", "a-key", "a-secret"))
