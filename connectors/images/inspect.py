"""What an image is and looks like, measured by Pillow. No model is asked."""

import io
import threading
import warnings
from typing import Any

from PIL import ExifTags, Image, ImageStat, UnidentifiedImageError

from schemas.errors import StepError

#: Decoded, each takes up to 8 bytes for a while, and an attacker's zeros pack to nothing.
MAX_PIXELS = 50_000_000
MAX_BYTES = 32 * 1024 * 1024
#: Statistics of colours are those of a picture of at most this edge, which costs milliseconds.
_SAMPLE_EDGE = 512
_COLOURS = 5
_EXIF_CHARS = 200
#: Readers that are complete in Pillow itself. Others start programs (EPS) or are rarely met and little tested.
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "ICO")

#: So many are in memory at once, whatever the worker's concurrency.
_DECODING = threading.BoundedSemaphore(2)


def analyzed(data: bytes) -> dict[str, Any]:
    """Return what is to be said of an image's bytes."""
    if len(data) > MAX_BYTES:
        raise StepError("too_large", f"the image has {len(data)} bytes, the most is {MAX_BYTES}; make it smaller")
    try:
        with _DECODING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
                return _described(opened, len(data))
    except Image.DecompressionBombError as exc:
        raise StepError("too_large", f"the image is far too large: {exc}; make it smaller") from exc
    except UnidentifiedImageError as exc:
        known = ", ".join(_FORMATS)
        raise StepError("not_an_image", f"these {len(data)} bytes are no image that is known ({known})") from exc
    except StepError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError) as exc:
        raise StepError("not_an_image", f"the image is damaged: {exc}; convert it again") from exc


def _described(opened: Image.Image, size: int) -> dict[str, Any]:
    width, height = opened.size
    # Known from the header, before anything is decoded.
    if width * height > MAX_PIXELS:
        raise StepError(
            "too_large", f"the image has {width} x {height} pixels, the most is {MAX_PIXELS}; make it smaller"
        )
    found = {
        "format": opened.format,
        "width": width,
        "height": height,
        "mode": opened.mode,
        "bytes": size,
        "frames": getattr(opened, "n_frames", 1),
        "exif": _exif(opened),
    }
    # A JPEG is decoded at a smaller scale at once; others are read whole first.
    opened.draft("RGB", (_SAMPLE_EDGE, _SAMPLE_EDGE))
    opened.thumbnail((_SAMPLE_EDGE, _SAMPLE_EDGE), Image.Resampling.BOX)
    return found | _statistics(opened)


def _statistics(opened: Image.Image) -> dict[str, Any]:
    alpha = opened.convert("RGBA").getchannel("A") if _has_alpha(opened) else None
    rgb = opened.convert("RGB")
    stat = ImageStat.Stat(rgb)
    grey = ImageStat.Stat(rgb.convert("L"))
    return {
        "has_alpha": alpha is not None,
        "opaque": alpha is None or alpha.getextrema()[0] == 255,
        "channels": {
            name: {"mean": round(mean, 2), "stddev": round(stddev, 2)}
            for name, mean, stddev in zip(("red", "green", "blue"), stat.mean, stat.stddev, strict=True)
        },
        "brightness": round(grey.mean[0] / 255, 4),
        "contrast": round(grey.stddev[0] / 255, 4),
        "dominant_colors": _dominant(rgb),
    }


def _has_alpha(opened: Image.Image) -> bool:
    return opened.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in opened.info


def _dominant(rgb: Image.Image) -> list[dict[str, Any]]:
    """Return the most frequent colours after median cut, with their shares of the image."""
    reduced = rgb.quantize(colors=_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    palette = reduced.getpalette() or []
    counts = reduced.getcolors() or []
    total = rgb.width * rgb.height
    found = []
    for count, index in sorted(counts, key=lambda one: (-one[0], str(one[1]))):
        if not isinstance(index, int):
            raise TypeError(f"a quantized image has indices of its palette, not {index!r}")
        red, green, blue = palette[3 * index : 3 * index + 3]
        found.append({"color": f"#{red:02x}{green:02x}{blue:02x}", "share": round(count / total, 4)})
    return found


def _exif(opened: Image.Image) -> dict[str, Any]:
    """Return the EXIF tags that are texts and numbers, by name; a picture's maker may write anything there."""
    try:
        tags = opened.getexif()
        pairs = [*tags.items(), *tags.get_ifd(ExifTags.IFD.Exif).items()]
    except Exception:  # noqa: BLE001 - damaged metadata says nothing about the picture
        return {}
    found: dict[str, Any] = {}
    for tag, value in pairs:
        name = ExifTags.TAGS.get(tag)
        plain = _plain(value)
        if name is not None and plain is not None:
            found[name] = plain
    return found


def _plain(value: Any) -> str | int | float | None:
    if isinstance(value, str):
        return value.replace("\0", "").strip()[:_EXIF_CHARS] or None
    if isinstance(value, bool | int):
        return int(value) if abs(value) < 2**53 else None
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if abs(number) < 1e15 else None
