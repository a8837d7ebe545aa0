"""Pictures that models are shown: how they are named, read, counted, sent and kept, and what the local models say."""

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from connectors.objects.store import LocalObjects
from connectors.prices.book import Override, PriceBook
from connectors.providers.base import ModelRequest
from connectors.providers.compatible.chat import request_body
from connectors.providers.conversation import ToolSpec
from connectors.providers.images import MAX_IMAGE_TOKENS, ImageInput, most_tokens, noted
from connectors.providers.local import tokens
from connectors.providers.local.provider import LocalProvider
from connectors.providers.openai.provider import OpenAIProvider
from connectors.tools import ToolContext
from schemas.errors import InvalidSpec, StepError
from schemas.payload import Reference
from schemas.records.steps import LlmCall
from schemas.spec.check.workflow import check_spec
from services.calls.images import MAX_BYTES, MAX_IMAGES, picture_of, shown
from tests.support.runs import World, args_of, function, llm, prompt, resolved, spec, submitted


def image(format_: str = "PNG", colour: tuple[int, int, int] = (255, 0, 0), size: tuple[int, int] = (8, 4)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, format_)
    return out.getvalue()


def url_of(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    documents = tmp_path / "documents"
    (documents / "photos").mkdir(parents=True)
    (documents / "photos" / "red.png").write_bytes(image())
    return ToolContext("acme", "run", "look", "run:look:1", documents, LocalObjects(tmp_path / "objects"))


def asked(*pictures: ImageInput, prompt: str = "What is it?", model: str = "local-gold", **more: Any) -> ModelRequest:
    return ModelRequest(model, prompt, more.pop("max_tokens", 500), "k", pictures=pictures, **more)


RED = picture_of(image())
BLUE = picture_of(image("JPEG", (0, 0, 255), (20, 10)))


async def test_arguments_name_pictures_in_every_way(context: ToolContext) -> None:
    data = image()
    args = {
        "one": url_of(data),
        "two": {"bucket": "photos", "key": "red.png"},
        "more": [base64.b64encode(data).decode(), {"image": url_of(image("GIF"))}],
        "none": None,
        "word": "x",
    }
    pictures, told = await shown(context, ["one", "two", "more", "none"], args)
    assert [p.media_type for p in pictures] == ["image/png"] * 3 + ["image/gif"]
    assert {p.data for p in pictures[:3]} == {data}
    assert told == {
        "one": "picture 1",
        "two": "picture 2",
        "more": "picture 3, picture 4",
        "none": "no picture",
        "word": "x",
    }
    assert args["word"] == "x"
    assert args["none"] is None
    assert await shown(context, [], args) == ((), args)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("no base64!", "bad_arguments"),
        (7, "bad_arguments"),
        ({"url": "https://example.com/x.png"}, "bad_arguments"),
        (base64.b64encode(b"text").decode(), "not_an_image"),
        (base64.b64encode(image("TIFF")).decode(), "not_an_image"),
        ({"key": "gone.png"}, "not_found"),
        ([url_of(image())] * (MAX_IMAGES + 1), "too_large"),
    ],
)
async def test_what_is_no_picture_is_told_before_anything_is_paid(context: ToolContext, value: Any, code: str) -> None:
    with pytest.raises(StepError) as caught:
        await shown(context, ["photo"], {"photo": value})
    assert (caught.value.code, caught.value.retryable) == (code, False)


async def test_pictures_are_bounded_together(context: ToolContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.calls.images.MAX_BYTES", 2 * len(image()) - 1)
    with pytest.raises(StepError, match="show fewer") as caught:
        await shown(context, ["a", "b"], {"a": url_of(image()), "b": url_of(image())})
    assert caught.value.code == "too_large"
    assert MAX_BYTES < 32 * 1024 * 1024


def test_a_request_has_the_pictures_and_what_is_kept_has_their_hashes() -> None:
    body = request_body(asked(RED, BLUE))
    (message,) = body["messages"]
    assert message["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": RED.url}},
        {"type": "image_url", "image_url": {"url": BLUE.url}},
    ]
    assert base64.b64decode(RED.url.partition(",")[2]) == RED.data
    kept = noted(body, [RED, BLUE])["messages"][0]["content"]
    assert kept[0] == message["content"][0]
    assert kept[2]["image_url"] == {
        "url": "data:image/jpeg;base64,", "sha256": BLUE.sha256, "bytes": len(BLUE.data)
    }  # fmt: skip
    assert body["messages"][0]["content"][1]["image_url"]["url"] == RED.url
    plain = request_body(asked())
    assert plain["messages"] == [{"role": "user", "content": "What is it?"}]
    assert noted(plain, []) is plain


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("gpt-4o", 2_000),
        ("gpt-4o-mini-2024-07-18", 50_000),
        ("openai/GPT-4o", 2_000),
        ("gpt-4.1", 2_500),
        ("gpt-4.1-mini", 4_000),
        ("llava", MAX_IMAGE_TOKENS),
    ],
)
async def test_a_picture_is_held_for_at_its_most(model: str, most: int) -> None:
    assert most_tokens(model) == most
    provider = OpenAIProvider("", "http://127.0.0.1:9/v1")
    assert provider.picture_tokens(model, [RED, BLUE]) == 2 * most
    await provider.close()


def test_an_installation_may_say_what_a_picture_takes() -> None:
    book = PriceBook(
        [
            Override(
                provider="mine",
                model="Llava",
                version="1",
                input_usd_per_mtok=1,
                output_usd_per_mtok=1,
                picture_tokens=576,
            )
        ]
    )
    assert (book.picture_tokens("mine", "llava"), book.picture_tokens("mine", "other")) == (576, None)


@pytest.mark.parametrize("model", ["local-gold", "local-silver", "local-bronze", "local-echo"])
@pytest.mark.parametrize("shape", ["What is it?", 'Classify it: {"kind": "photo|text"}'])
async def test_local_models_count_exactly_what_they_held_for(model: str, shape: str) -> None:
    provider = LocalProvider()
    answer = await provider.complete(asked(RED, BLUE, prompt=shape, model=model))
    held = provider.count_tokens(model, shape) + provider.picture_tokens(model, [RED, BLUE])
    assert answer.usage.input_tokens == held
    assert answer.usage.output_tokens == tokens.count(answer.text)
    assert RED.url not in str(answer.sent)
    await provider.close()


async def test_local_models_say_what_is_measured_and_that_they_cannot_see() -> None:
    provider = LocalProvider()
    text = (await provider.complete(asked(RED, prompt="Describe the cat. It is black."))).text
    assert text.startswith("This model cannot see what a picture shows.")
    assert "a PNG of 8 by 4 pixels" in text
    assert "#ff0000 (100%)" in text
    assert "cat" not in text
    both = (await provider.complete(asked(RED, BLUE))).text
    assert "ImageInput 2: The picture is a JPEG of 20 by 10 pixels" in both
    short = await provider.complete(asked(RED, max_tokens=5))
    assert (short.finish_reason, short.usage.output_tokens) == ("length", 5)
    tools = (ToolSpec("t", "", {}),)
    agent = await provider.complete(asked(RED, prompt="Look.\n\n@tool t {}", tools=tools))
    assert [one.name for one in agent.asked] == ["t"]
    await provider.close()


def test_a_node_names_inputs_as_pictures() -> None:
    nodes = [function("a"), llm("b", inputs={"word": "x", "photo": "a.output"}, images=["photo"])]
    world = World()
    world.submit(*nodes, edges="a>b")
    world.succeed("a", Reference(uri="objects:///acme/p", sha256="0" * 64, size=90_000))
    request = world.requests[-1]
    assert isinstance(request.work, LlmCall)
    assert request.work.images == ["photo"]
    assert args_of(request) == {"word": "x", "photo": ("objects:///acme/p",)}


def test_a_stored_input_that_is_a_picture_is_linked() -> None:
    far = Reference(uri="objects:///acme/p", sha256="0" * 64, size=90_000)
    world = World()
    flow = resolved(llm("a", images=["photo"]))
    inputs = {"photo": None, "word": "x"}
    world.feed(submitted(flow, inputs=inputs, stored_inputs={"photo": far}))
    assert [link.at for link in world.requests[0].links] == [["photo"]]


def test_a_follower_gets_a_picture_by_its_predecessors_id() -> None:
    world = World()
    world.submit(function("scan"), llm("b", inputs=None, images=["scan"]), edges="scan>b")
    world.succeed("scan", "data")
    assert world.requests[-1].args == {"scan": "data"}


def checked(*nodes: dict[str, Any], edges: str = "") -> Any:
    return check_spec(spec(*nodes, edges=edges), prompts={"ask@1": prompt()}, tools=["t", "u"], functions=["echo"])


def test_pictures_of_a_root_are_inputs_that_a_run_must_bring() -> None:
    found = checked(llm("a", images=["photo"]))
    assert found.required_inputs - {"word"} == {"photo"}


def test_a_picture_that_is_no_input_is_refused() -> None:
    with pytest.raises(InvalidSpec) as caught:
        checked(llm("a", inputs={"word": "x"}, images=["photo"]))
    (problem,) = caught.value.problems
    assert (problem.path, problem.message) == ("dag.nodes[0].config.images[0]", "'photo' is not an input of 'a'")
    checked(llm("a", inputs={"word": "x"}, images=["item"], parallel=True, items="{{photos}}"))
