"""Secrets split over the pieces of a stream: whether one leaves unnoticed, and how late plain text is."""

import random
from collections.abc import Iterable, Iterator, Sequence

from bench.privacy.secret_texts import Secret
from services.privacy.detect.ports import Engine
from services.privacy.detect.stream import StreamScan


def leaks(detectors: Engine, secret: Secret, pieces: Iterable[str]) -> bool:
    """Return whether any character of a secret leaves outside of a finding, or the text leaves changed."""
    scan = StreamScan(detectors)
    out, masked = "", set[int]()
    for piece in (*(scan.feed(one) for one in pieces), scan.end()):
        assert piece.start == len(out)
        out += piece.text
        for one in piece.findings:
            masked.update(range(piece.start + one.start, piece.start + one.end))
    at = secret.text.index(secret.value)
    return out != secret.text or not masked.issuperset(range(at, at + len(secret.value)))


def split_everywhere(text: str, step: int = 1) -> Iterator[tuple[str, str]]:
    """Yield a text in two parts, split at every byte of its UTF-8 that starts a character."""
    for at in range(0, len(text) + 1, step):
        yield text[:at], text[at:]


def in_pieces(text: str, seed: int, most: int = 12) -> list[str]:
    """Return a text in pieces as models send them."""
    rng = random.Random(f"pieces {seed}")  # noqa: S311 - test data
    found, at = [], 0
    while at < len(text):
        size = rng.randint(1, most)
        found.append(text[at : at + size])
        at += size
    return found


def longest_delay(detectors: Engine, pieces: Sequence[str]) -> int:
    """Return how many characters of a text are held back at most after a piece has come, beyond that piece."""
    scan, most = StreamScan(detectors), 0
    for piece in pieces:
        scan.feed(piece)
        most = max(most, scan.held - len(piece))
    return most
