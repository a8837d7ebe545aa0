"""``image_analyzer``: what it measures, where it finds its image, and what it refuses."""

import base64
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from connectors.objects.store import LocalObjects
from connectors.tools import REGISTRY, ToolContext
from connectors.tools.builtin.images import MAX_BYTES, analyzed
from schemas.errors import StepError


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    documents = tmp_path / "documents"
    (documents / "photos").mkdir(parents=True)
    (documents / "photos" / "red.png").write_bytes(png(Image.new("RGB", (4, 2), (255, 0, 0))))
    (documents / "text.txt").write_text("no image")
    return ToolContext("acme", "run", "look", "run:look:1", documents, LocalObjects(tmp_path / "objects"))


def png(image: Image.Image) -> bytes:
    return saved(image, "PNG")


def saved(image: Image.Image, format_: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


async def analyze(context: ToolContext, **args: Any) -> Any:
    return await REGISTRY.call("tool", "image_analyzer", args, context)


def test_the_figures_are_those_of_the_image() -> None:
    image = Image.new("RGB", (8, 4), (255, 0, 0))
    image.paste((0, 0, 255), (0, 0, 2, 4))
    found = analyzed(data := png(image))
    assert (found["format"], found["width"], found["height"], found["mode"]) == ("PNG", 8, 4, "RGB")
    assert (found["bytes"], found["frames"], found["has_alpha"], found["opaque"]) == (len(data), 1, False, True)
    assert found["channels"]["red"] == {"mean": 191.25, "stddev": pytest.approx(110.42, abs=0.01)}
    assert found["channels"]["green"] == {"mean": 0.0, "stddev": 0.0}
    assert found["dominant_colors"] == [{"color": "#ff0000", "share": 0.75}, {"color": "#0000ff", "share": 0.25}]
    assert found["brightness"] == pytest.approx((76 * 0.75 + 29 * 0.25) / 255, abs=0.002)


@pytest.mark.parametrize(("grey", "brightness"), [(0, 0.0), (255, 1.0)])
def test_brightness_goes_from_black_to_white(grey: int, brightness: float) -> None:
    found = analyzed(png(Image.new("L", (3, 3), grey)))
    assert (found["brightness"], found["contrast"], found["mode"]) == (brightness, 0.0, "L")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_every_mode_of_png_is_read(mode: str) -> None:
    found = analyzed(png(Image.new(mode, (600, 700))))
    assert (found["mode"], found["width"], found["height"]) == (mode, 600, 700)
    assert sum(colour["share"] for colour in found["dominant_colors"]) == pytest.approx(1)


def test_transparency_is_seen() -> None:
    assert analyzed(png(Image.new("RGBA", (2, 2), (1, 2, 3, 0))))["opaque"] is False
    solid = analyzed(png(Image.new("RGBA", (2, 2), (1, 2, 3, 255))))
    assert (solid["has_alpha"], solid["opaque"]) == (True, True)


def test_exif_is_told_and_bounded() -> None:
    exif = Image.Exif()
    exif[0x010F] = "A camera" + "x" * 1_000
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x829A] = 0.5
    exif[0x927C] = b"\x00" * 100
    found = analyzed(saved(Image.new("RGB", (4, 4)), "JPEG", exif=exif))["exif"]
    assert found["Make"].startswith("A camera")
    assert len(found["Make"]) == 200
    assert (found["Orientation"], found["ExposureTime"]) == (6, 0.5)
    assert "MakerNote" not in found


def test_frames_are_counted() -> None:
    frames = [Image.new("RGB", (4, 4), (80 * n, 0, 0)) for n in range(3)]
    assert analyzed(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))["frames"] == 3


async def test_a_document_is_found_by_key_and_among_the_inputs(context: ToolContext) -> None:
    direct = await analyze(context, bucket="photos", key="red.png")
    assert direct["dominant_colors"][0]["color"] == "#ff0000"
    assert await analyze(context, classify={"type": "image", "bucket": "photos", "key": "red.png"}) == direct
    assert await analyze(context, document_key="photos/red.png", index=0) == direct


async def test_an_image_may_come_as_base64(context: ToolContext) -> None:
    data = png(Image.new("RGB", (4, 2), (255, 0, 0)))
    text = base64.b64encode(data).decode()
    expected = analyzed(data)
    assert await analyze(context, image=text) == expected
    assert await analyze(context, image=f"data:image/png;base64,{text}") == expected


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({}, "bad_arguments"),
        ({"classify": {"type": "image"}}, "bad_arguments"),
        ({"image": "no base64!"}, "bad_arguments"),
        ({"image": "data:image/png,abc"}, "bad_arguments"),
        ({"key": "text.txt"}, "not_an_image"),
        ({"key": "nothing.png"}, "not_found"),
        ({"key": "../photos/red.png"}, "forbidden_path"),
        ({"image": "A" * (MAX_BYTES * 4 // 3 + 8)}, "too_large"),
    ],
)
async def test_what_is_not_an_image_is_refused(context: ToolContext, args: dict[str, Any], code: str) -> None:
    with pytest.raises(StepError) as caught:
        await analyze(context, **args)
    assert (caught.value.code, caught.value.retryable) == (code, False)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    """A PNG of some bytes whose header announces a picture of gigabytes."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + _chunk(b"IEND", b"")


@pytest.mark.parametrize("edge", [8_000, 30_000])
def test_a_bomb_is_refused_by_its_header(edge: int) -> None:
    with pytest.raises(StepError) as caught:
        analyzed(bomb(edge, edge))
    assert caught.value.code == "too_large"


def test_a_truncated_image_says_so() -> None:
    data = png(Image.effect_noise((64, 64), 50))
    with pytest.raises(StepError, match="damaged") as caught:
        analyzed(data[: len(data) // 2])
    assert caught.value.code == "not_an_image"


def test_formats_that_start_programs_are_not_read() -> None:
    with pytest.raises(StepError, match="no image that is known"):
        analyzed(saved(Image.new("RGB", (4, 4)), "EPS"))


async def test_a_prompt_is_a_models(context: ToolContext) -> None:
    entry = REGISTRY.get("tool", "image_analyzer")
    for config in ({"prompt": "What is it?"}, {"provider": "openai"}, {"model": "m", "max_tokens": 0}, {"modell": "m"}):
        with pytest.raises(StepError) as caught:
            await REGISTRY.call("tool", "image_analyzer", {"key": "photos/red.png"}, context, config)
        assert not caught.value.retryable
    assert entry.config is not None
    assert "model" in entry.config.model_json_schema()["properties"]
