"""Streams with one place of one event replaced by something else: read or refused, and never anything worse."""

import json
import random
from typing import Any

import pytest

from connectors.providers.deltas import TextDelta
from connectors.providers.http_errors import status_of_error
from connectors.providers.stream_reading import ErrorFrameError, StreamReading
from connectors.providers.streaming import StreamedWire
from connectors.providers.usage import Bounds, counted
from connectors.providers.wire import MalformedError
from tests.contract.test_providers_damaged import BOUNDS, REASONS, STRANGE, WIRES, damaged, places
from tests.support.wire_fixtures import FIXTURES, FOLDER, fixture, request_of

STREAMS = [
    (provider, file.stem)
    for provider in WIRES
    for file in sorted((FOLDER / FIXTURES[provider] / "streamed").glob("*.json"))
]
#: Each place of each event is replaced by so many of the strange values.
_TRIES = 3


def read(provider: str, request: Any, body: bytes) -> None:
    """Read a stream as the provider does."""
    wire = WIRES[provider]
    assert isinstance(wire, StreamedWire)
    reading = StreamReading(wire.assembler(request), Bounds(1_000, 100))
    deltas = []
    try:
        for part in (body, None):
            deltas += list(reading.feed(part))
    except (MalformedError, ErrorFrameError):
        return
    received, _ = reading.body()
    json.dumps(received, ensure_ascii=False).encode()
    assert all(isinstance(delta.text, str) for delta in deltas if isinstance(delta, TextDelta))
    if status_of_error(received) is not None:
        return
    try:
        completion = wire.read(received, request)
    except MalformedError:
        return
    assert completion.finish_reason in REASONS
    usage, _ = counted(completion.counts, BOUNDS)
    assert all(0 <= getattr(usage, kind) < 2**53 for kind in usage.__struct_fields__)


@pytest.mark.parametrize(("provider", "name"), STREAMS)
def test_a_damaged_stream_is_read_or_refused(provider: str, name: str) -> None:
    case, chance = fixture(provider, f"streamed/{name}"), random.Random(f"{provider}/{name}")
    request, events = request_of(case["model"], case["request"]), case["events"]
    for at, event in enumerate(events):
        head, mark, data = event.partition("data: ")
        if not mark or data.startswith("[DONE]"):
            continue
        value = json.loads(data)
        for path in places(value):
            for instead in chance.sample(STRANGE, _TRIES):
                one = f"{head}{mark}{json.dumps(damaged(value, path, instead))}\n\n"
                read(provider, request, "".join([*events[:at], one, *events[at + 1 :]]).encode())


@pytest.mark.parametrize(("provider", "name"), STREAMS)
def test_a_stream_with_an_event_left_out_twice_or_elsewhere_is_read_or_refused(provider: str, name: str) -> None:
    case, chance = fixture(provider, f"streamed/{name}"), random.Random(f"{provider}/{name}")
    request, events = request_of(case["model"], case["request"]), case["events"]
    for at in range(len(events)):
        read(provider, request, "".join([*events[:at], *events[at + 1 :]]).encode())
        read(provider, request, "".join([*events[:at], events[at], *events[at:]]).encode())
        read(provider, request, "".join(events[:at]).encode())
        shuffled = list(events)
        chance.shuffle(shuffled)
        read(provider, request, "".join(shuffled).encode())
