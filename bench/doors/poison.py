"""Submissions of which some are poison: what other systems send by mistake, each with bytes of its own."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from bench.doors.sends import Doors, attributes, body, structured

SOURCE = "urn:bench:orders"


@dataclass(frozen=True)
class Sent:
    """One event. ``mode`` is how it goes; ``poison`` will be refused."""

    id: str
    value: bytes
    mode: str
    poison: bool


def mixed(count: int, every: int, seed: int = 0) -> list[Sent]:
    """Return ``count`` events in random order; one of ``every`` is poison."""
    rng = random.Random(seed)  # noqa: S311
    bad = _poison()
    modes = ("structured", "binary", "jetstream", "jetstream-binary")
    found = [next(bad) if number % every == 0 else _good(number, modes[number % len(modes)]) for number in range(count)]
    rng.shuffle(found)
    return found


async def send(doors: Doors, event: Sent) -> None:
    """Send an event by its mode."""
    named = attributes(SOURCE, event.id)
    if event.mode == "structured":
        await doors.over_kafka(event.value, (("content-type", b"application/cloudevents+json"),), event.id.encode())
    elif event.mode == "binary":
        await doors.over_kafka(event.value, [(f"ce_{name}", text.encode()) for name, text in named.items()])
    elif event.mode == "jetstream-binary":
        await doors.over_jetstream(event.value, event.id, {f"ce-{name}": text for name, text in named.items()})
    else:
        await doors.over_jetstream(event.value, event.id)


def _good(number: int, mode: str) -> Sent:
    id_ = f"event-{number}"
    is_binary = mode.endswith("binary")
    value = orjson.dumps(body(number)) if is_binary else structured(SOURCE, id_, body(number))
    return Sent(id_, value, mode, poison=False)


def _poison() -> Iterator[Sent]:
    """Yield events that cannot be submissions, in turn by each reason and by each door."""
    number = 0
    while True:
        for mode in ("structured", "jetstream"):
            for value in _bad_values(number):
                yield Sent(f"poison-{number}", value, mode, poison=True)
                number += 1


def _bad_values(number: int) -> Iterator[bytes]:
    yield b"\xff\xfe no UTF-8 %d" % number
    yield b'{"specversion": "1.0", "id": "%d", "half' % number
    yield orjson.dumps({"some": "object", "number": number})
    yield orjson.dumps([number])
    yield structured(SOURCE, "", body(number))
    yield structured(SOURCE, f"bad-{number}", body(number), specversion="2.0")
    yield structured(SOURCE, f"bad-{number}", body(number), type="com.example.other")
    yield structured(SOURCE, f"bad-{number}", {"workflow_name": f"unknown-{number}"})
    yield structured(SOURCE, f"bad-{number}", {"inputs": {"number": number}})
    yield structured(SOURCE, f"bad-{number}", body(number) | {"nonsense": number})
