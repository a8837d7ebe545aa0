"""Texts in which nobody's data is: prose, code, logs and numbers that look like some. A finding in one is false."""

import random
from collections.abc import Callable
from typing import Final

_NOUNS: Final = (
    "report",
    "meeting",
    "budget",
    "release",
    "garden",
    "kitchen",
    "bicycle",
    "river",
    "table",
    "window",
    "engine",
    "module",
    "schedule",
    "harvest",
    "library",
    "station",
    "bridge",
    "painting",
    "recipe",
    "lesson",
    "market",
    "journey",
    "festival",
    "committee",
    "proposal",
    "ladder",
    "forest",
    "weather",
    "concert",
    "workshop",
    "museum",
)
_VERBS: Final = (
    "describes",
    "improves",
    "follows",
    "replaces",
    "supports",
    "delays",
    "completes",
    "prepares",
    "explains",
    "measures",
    "compares",
    "reviews",
    "carries",
    "opens",
    "closes",
    "changes",
    "repeats",
    "balances",
    "collects",
    "presents",
    "checks",
    "moves",
    "plans",
)
_OTHERS: Final = (
    "quickly",
    "often",
    "never",
    "later",
    "together",
    "again",
    "carefully",
    "slowly",
    "today",
    "usually",
    "almost",
    "soon",
    "quite",
    "rather",
    "mostly",
    "still",
    "yet",
)
_JOINS: Final = ("and", "while", "because", "so that", "although", "before", "after", "unless")


def clean_text(kind: str, size: int, seed: int) -> str:
    """Return about ``size`` characters of ``prose``, ``code``, ``logs`` or ``numbers``; ASCII, the same for a seed."""
    rng = random.Random(f"{kind}/{seed}")  # noqa: S311 - texts of a seed
    lines: list[str] = []
    length = 0
    while length < size:
        line = KINDS[kind](rng)
        lines.append(line)
        length += len(line) + 1
    return "\n".join(lines)


def _sentence(rng: random.Random) -> str:
    parts = [f"the {rng.choice(_NOUNS)} {rng.choice(_VERBS)} the {rng.choice(_NOUNS)} {rng.choice(_OTHERS)}"]
    if rng.random() < 0.5:
        parts.append(f"{rng.choice(_JOINS)} our {rng.choice(_NOUNS)} {rng.choice(_VERBS)} {rng.randint(2, 90)} of them")
    text = " ".join(parts)
    return text[0].upper() + text[1:] + rng.choice(".....?!")


def _prose(rng: random.Random) -> str:
    return " ".join(_sentence(rng) for _ in range(rng.randint(2, 6))) + ("\n" if rng.random() < 0.3 else "")


def _code(rng: random.Random) -> str:
    noun, other = rng.choice(_NOUNS), rng.choice(_NOUNS)
    return rng.choice(
        (
            f"def {noun}_{other}(self, {noun}: int = {rng.randint(0, 9999)}) -> list[{other.title()}]:",
            f"    return self._{noun}.get({other!r}, {rng.random():.6f})",
            f"for (int i = 0; i < {noun}.size(); ++i) {{ {other}[i] = {noun}::{other}(i << {rng.randint(1, 31)}); }}",
            f"import {noun}.{other}.{rng.choice(_NOUNS)} as {noun[:3]}",
            f"assert {noun}.version == '{rng.randint(0, 9)}.{rng.randint(0, 40)}.{rng.randint(0, 300)}'",
            f"# {_sentence(rng)}",
            f"const {noun.upper()}_MASK = 0x{rng.getrandbits(32):08x};",
            f"SELECT {noun}, COUNT(*) FROM {other} WHERE id = {rng.randint(10**6, 10**9)} GROUP BY {noun};",
            f'    {{"{noun}": {rng.randint(1, 10**6)}, "{other}": [{rng.random():.3f}, {rng.random():.3f}]}},',
            f"git checkout {rng.getrandbits(160):040x} -- {noun}/{other}.py",
        )
    )


def _logs(rng: random.Random) -> str:
    day = f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    clock = f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}"
    noun = rng.choice(_NOUNS)
    said = rng.choice(
        (
            f"{noun} took {rng.randint(1, 99999)} ms, {rng.randint(10**6, 10**10)} bytes",
            f"request {rng.getrandbits(128):032x} of {noun} ended with {rng.choice((200, 404, 500))}",
            f"pid={rng.randint(1, 99999)} offset={rng.randint(10**8, 10**13)} partition={rng.randint(0, 63)}",
            f"retry {rng.randint(1, 9)}/12 of {noun}-{rng.randint(0, 99)} in {rng.random() * 9:.3f} s",
            f"epoch {1_700_000_000 + rng.randint(0, 10**8)}, span {rng.getrandbits(64):016x}",
            f"memory at 0x{rng.getrandbits(48):012x}, build {rng.randint(10**7, 10**8)}",
        )
    )
    return f"{day}T{clock}.{rng.randint(0, 999):03d}Z {rng.choice(('INFO', 'WARN', 'ERROR'))} {noun}: {said}"


def _numbers(rng: random.Random) -> str:
    noun = rng.choice(_NOUNS)
    return rng.choice(
        (
            ",".join(str(rng.randint(0, 10 ** rng.randint(1, 12))) for _ in range(8)),
            ";".join(f"{rng.random() * 10**6:.2f}" for _ in range(6)),
            f"{noun} {rng.randint(10**6, 10**9):,}.{rng.randint(0, 99):02d} EUR",
            f"item {rng.randint(10**7, 10**8)} x {rng.randint(1, 99)} at {rng.random() * 99:.2f}",
            f"ISBN 978-{rng.randint(0, 9)}-{rng.randint(10, 99)}-{rng.randint(10**5, 10**6)}-{rng.randint(0, 9)}",
            f"{rng.randint(1990, 2030)} {rng.randint(1990, 2030)} {rng.randint(1990, 2030)} {rng.randint(1990, 2030)}",
            f"{rng.randint(1, 28)}/{rng.randint(1, 12)}/{rng.randint(1990, 2030)} {noun} {rng.randint(0, 10**6)}",
            f"lat {rng.random() * 90:.6f}, lon {rng.random() * 180:.6f}",
            f"order {rng.randint(10**9, 10**10)}, invoice {rng.randint(10**5, 10**6)}-{rng.randint(10, 99)}",
            f"tracking 1Z{rng.getrandbits(40):010X}, SKU A{rng.randint(100, 999)}-{rng.randint(10, 99)}",
        )
    )


KINDS: Final[dict[str, Callable[[random.Random], str]]] = {
    "prose": _prose,
    "code": _code,
    "logs": _logs,
    "numbers": _numbers,
}
