"""``s3.fetch`` and ``s3.put`` on S3 and on directories: what they do, and what they never reach."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.objects.store import LocalObjects
from connectors.tools import REGISTRY, Done, NotDone, ToolContext
from connectors.tools.builtin import s3 as files_module
from connectors.tools.environment import World, environment_of
from schemas.errors import StepError, Unavailable
from schemas.settings import Settings
from tests.support.s3_server import S3Server, s3_server


@pytest.fixture
def server() -> Iterator[S3Server]:
    with s3_server() as found:
        yield found


def context_of(root: Path, world: World, org: str = "acme") -> ToolContext:
    (root / "documents").mkdir(exist_ok=True)
    return ToolContext(org, "run", "step", "run:step:1", root / "documents", LocalObjects(root / "objects"), world)


@pytest.fixture
def local(tmp_path: Path) -> ToolContext:
    return context_of(tmp_path, World(results_dir=tmp_path / "results"))


@pytest.fixture
def remote(tmp_path: Path, server: S3Server) -> ToolContext:
    buckets = frozenset({"documents", "results", "missing"})
    return context_of(tmp_path, World(s3=server.access, buckets=buckets, results_dir=tmp_path / "results"))


@pytest.fixture(params=["local", "remote"])
def context(request: pytest.FixtureRequest) -> ToolContext:
    found: ToolContext = request.getfixturevalue(request.param)
    return found


async def call(context: ToolContext, name: str, **args: Any) -> Any:
    return await REGISTRY.call("tool", name, args, context)


async def refused(context: ToolContext, name: str, **args: Any) -> StepError:
    with pytest.raises(StepError) as caught:
        await call(context, name, **args)
    assert not caught.value.retryable
    return caught.value


async def test_what_is_put_is_fetched(context: ToolContext) -> None:
    stored = await call(context, "s3.put", bucket="results", key="a/b c.txt", body="Größe")
    assert (stored["bucket"], stored["key"], stored["size"]) == ("results", "a/b c.txt", 7)
    assert stored["etag"]
    assert await call(context, "s3.fetch", bucket="results", key="a/b c.txt") == "Größe"
    assert await call(context, "s3.put", bucket="results", key="a/b c.txt", body="Größe") == stored


async def test_other_values_are_stored_as_json(context: ToolContext) -> None:
    await call(context, "s3.put", bucket="results", key="r.json", body={"é": [1, None]})
    assert json.loads(await call(context, "s3.fetch", bucket="results", key="r.json")) == {"é": [1, None]}


async def test_bytes_travel_in_base64(context: ToolContext) -> None:
    data = base64.b64encode(b"\xff\x00").decode()
    stored = await call(context, "s3.put", bucket="results", key="x.bin", body=data, encoding="base64")
    assert stored["size"] == 2
    assert await call(context, "s3.fetch", bucket="results", key="x.bin", encoding="base64") == data
    assert (await refused(context, "s3.fetch", bucket="results", key="x.bin")).code == "not_text"
    bad = await refused(context, "s3.put", bucket="results", key="y", body="no base64!", encoding="base64")
    assert bad.code == "bad_arguments"


async def test_what_is_not_there_is_final(context: ToolContext) -> None:
    await call(context, "s3.put", bucket="results", key="something", body="x")
    assert (await refused(context, "s3.fetch", bucket="results", key="nothing")).code == "not_found"


@pytest.mark.parametrize(
    "key",
    ["", "/a", "a/", "a//b", "../a", "a/../b", "a/..", "./a", "a\0b", "a\nb", "a\\b", "x" * 1025, "x" * 241 + "/a"],
)
async def test_keys_that_lead_elsewhere_are_never_written(context: ToolContext, tmp_path: Path, key: str) -> None:
    assert (await refused(context, "s3.put", bucket="results", key=key, body="x")).code == "bad_key"
    assert not [p for p in (tmp_path / "results").rglob("*") if p.is_file()]


@pytest.mark.parametrize("bucket", ["..", ".", "a/b", "/", "", ".hidden", "x" * 64])
async def test_buckets_that_lead_elsewhere_are_never_written(context: ToolContext, bucket: str) -> None:
    assert (await refused(context, "s3.put", bucket=bucket, key="a", body="x")).code == "bad_key"


async def test_too_much_is_refused(context: ToolContext, monkeypatch: pytest.MonkeyPatch) -> None:
    await call(context, "s3.put", bucket="results", key="big", body="x" * 100)
    monkeypatch.setattr(files_module, "MAX_BYTES", 99)
    assert (await refused(context, "s3.put", bucket="results", key="more", body="x" * 100)).code == "too_large"
    with pytest.raises(StepError) as caught:
        files_module.read_document(context, "results", "big", 99)
    assert caught.value.code == "too_large"


async def test_a_put_whose_outcome_is_unknown_is_looked_up(context: ToolContext) -> None:
    args = {"bucket": "results", "key": "a", "body": {"n": 1}}
    assert REGISTRY.reconciles("s3.put")
    assert await REGISTRY.reconcile("s3.put", args, context) == NotDone()
    stored = await call(context, "s3.put", **args)
    assert await REGISTRY.reconcile("s3.put", args, context) == Done(stored)
    for body in ({"n": 2}, {"n": 1234}):
        await call(context, "s3.put", **(args | {"body": body}))
        assert await REGISTRY.reconcile("s3.put", args, context) == NotDone()


async def test_results_are_an_organisations_own(local: ToolContext, tmp_path: Path) -> None:
    await call(local, "s3.put", bucket="shared", key="a", body="acme's")
    other = context_of(tmp_path, local.world, "globex")
    assert (await refused(other, "s3.fetch", bucket="shared", key="a")).code == "unknown_bucket"
    for key in ("../acme/shared/a", "file://../acme/shared/a", (tmp_path / "results/acme/shared/a").as_uri()):
        assert (await refused(other, "s3.fetch", key=key)).code in ("forbidden_path", "not_found")
    assert await call(local, "s3.fetch", key=(tmp_path / "results/acme/shared/a").as_uri()) == "acme's"
    assert await call(local, "s3.fetch", key="file://shared/a") == "acme's"


def test_results_are_not_kept_among_the_documents(tmp_path: Path) -> None:
    for results in (tmp_path, tmp_path / "below"):
        with pytest.raises(ValueError, match="RESULTS_DIR"):
            environment_of(Settings.from_env({"DOCUMENTS_DIR": str(tmp_path), "RESULTS_DIR": str(results)}), {})


async def test_links_lead_no_write_out(local: ToolContext, tmp_path: Path) -> None:
    bucket = tmp_path / "results" / "acme" / "b"
    bucket.mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (bucket / "link").symlink_to(tmp_path / "outside")
    assert (await refused(local, "s3.put", bucket="b", key="link/x", body="x")).code == "forbidden_path"
    assert not list((tmp_path / "outside").iterdir())


async def test_a_file_holds_no_others(local: ToolContext) -> None:
    await call(local, "s3.put", bucket="b", key="a", body="x")
    assert (await refused(local, "s3.put", bucket="b", key="a/b", body="x")).code == "bad_key"
    await call(local, "s3.put", bucket="b", key="c/d", body="x")
    assert (await refused(local, "s3.put", bucket="b", key="c", body="x")).code == "bad_key"


async def test_only_named_buckets_are_in_s3(remote: ToolContext, server: S3Server, tmp_path: Path) -> None:
    server.objects["private/a"] = b"secret"
    assert (await refused(remote, "s3.fetch", bucket="private", key="a")).code == "unknown_bucket"
    await call(remote, "s3.put", bucket="private", key="b", body="x")
    assert (tmp_path / "results" / "acme" / "private" / "b").read_text() == "x"
    assert server.requests == []
    everything = context_of(tmp_path, World(s3=server.access, buckets=frozenset({"*"})))
    assert await call(everything, "s3.fetch", bucket="private", key="a") == "secret"


async def test_a_bucket_that_is_missing_is_told(remote: ToolContext) -> None:
    found = await refused(remote, "s3.fetch", bucket="missing", key="a")
    assert (found.code, "'missing'" in str(found)) == ("unknown_bucket", True)


@pytest.mark.parametrize(("key", "code"), [("", "bad_key"), (" ", "bad_key"), ("../a", "forbidden_path")])
async def test_a_key_that_names_nothing_is_refused_in_s3_as_locally(
    remote: ToolContext, local: ToolContext, server: S3Server, key: str, code: str
) -> None:
    assert (await refused(remote, "s3.fetch", bucket="documents", key=key)).code == code
    assert (await refused(local, "s3.fetch", bucket="documents", key=key)).code == code
    assert server.requests == []


async def test_a_store_that_is_down_is_tried_again(remote: ToolContext, server: S3Server) -> None:
    server.fail_next = [503] * 20
    with pytest.raises(Unavailable) as caught:
        await call(remote, "s3.put", bucket="results", key="a", body="x")
    assert caught.value.dependency == "s3"
    assert server.objects == {}


@pytest.mark.parametrize("announced", [2, 4_000])
async def test_a_store_that_lies_about_the_length_is_not_believed(
    remote: ToolContext, server: S3Server, announced: int
) -> None:
    server.objects["documents/a"] = b"data"
    server.lie = announced
    if announced == 2:
        # The connection ends after the announced bytes, and what else comes is nobody's.
        assert await call(remote, "s3.fetch", bucket="documents", key="a") == "da"
        return
    with pytest.raises(Unavailable):
        await call(remote, "s3.fetch", bucket="documents", key="a")


async def test_an_image_in_s3_is_analysed(remote: ToolContext, server: S3Server) -> None:
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
    server.objects["documents/p.png"] = base64.b64decode(pixel)
    found = await call(remote, "image_analyzer", bucket="documents", key="p.png")
    assert (found["format"], found["width"]) == ("PNG", 1)
