"""Stores inputs that are too large for their run's record as objects; the record carries references.

The largest go first, until the remainder is small. Inputs that the run's decisions read
(``schemas.spec.inputs.decision_inputs``) stay inline as long as the record has room for them. Equal bytes are one
object, so objects of a run that never came are harmless, and a repetition stores nothing new.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
from msgspec import structs

from connectors.objects.store import Objects
from schemas.errors import BadValue, InvalidInput, TooLarge, Unavailable
from schemas.payload import INLINE_LIMIT, Reference
from schemas.records.run_events import RunSubmitted
from schemas.values.bounds import MAX_DEPTH
from schemas.values.json_text import write_json

#: Maximum size of a run's inputs as JSON, unless an installation configures another.
MAX_INPUTS_BYTES = 8 * 1024 * 1024
#: An object is written whole, and a worker holds it in memory.
MAX_BYTES = 64 * 1024 * 1024
#: A smaller value is not worth an object, and a round trip for each step that reads it.
LEAST_BYTES = 16 * 1024
#: Maximum remainder in the record, next to a plan of up to 640 KiB.
MAX_LEFT_BYTES = 256 * 1024
#: Size of a reference in the record, without its name.
REFERENCE_BYTES = 320
#: Objects of one submission that are written at once.
AT_ONCE = 8
#: A sender waits for the store of its inputs; a store that takes longer for some MiB is down.
STORE_S = 10.0


class LargeInputs:
    """The store of large inputs. ``most_bytes`` is the maximum size of all inputs as JSON."""

    def __init__(self, objects: Objects, most_bytes: int = MAX_INPUTS_BYTES) -> None:
        if not 0 < most_bytes <= MAX_BYTES:
            raise ValueError(f"MAX_INPUTS_BYTES={most_bytes} is not between 1 and {MAX_BYTES}")
        self._objects = objects
        self._most_bytes = most_bytes

    def size_of(self, inputs: Mapping[str, Any]) -> int:
        """Return the bytes of inputs as JSON. Raises ``InvalidInput`` for other values, and ``TooLarge``."""
        try:
            size = len(write_json(inputs, MAX_DEPTH + 1, was_json=True))
        except BadValue as exc:
            problem = replace(exc.problem, path=f"inputs.{exc.problem.path}".rstrip("."))
            raise InvalidInput.of(problem) from exc
        if size > self._most_bytes:
            raise TooLarge(
                f"the inputs have {size} bytes as JSON, the limit is {self._most_bytes}: "
                "store large data as an object and pass its URI"
            )
        return size

    async def placed(self, record: RunSubmitted, read_here: frozenset[str] | None) -> RunSubmitted:
        """Return a submission with its large inputs stored. ``read_here``: names of inputs to leave, ``None`` is all.

        Raises ``TooLarge`` when the record would still be too large, and ``Unavailable``.
        """
        written, chosen = await self.to_store(record.inputs, read_here)
        if not chosen:
            return record
        references = await self._store(record, {name: written[name] for name in chosen})
        return structs.replace(
            record,
            inputs=record.inputs | dict.fromkeys(chosen),
            stored_inputs=record.stored_inputs | references,
        )

    async def to_store(
        self, inputs: Mapping[str, Any], read_here: frozenset[str] | None
    ) -> tuple[dict[str, bytes], list[str]]:
        """Return inputs as JSON, and the names of those to store; nothing is written. Raises ``TooLarge``."""
        # They have some MiB, and others are served meanwhile.
        written = await asyncio.to_thread(_written, inputs)
        chosen, left = choose({name: len(data) for name, data in written.items()}, read_here)
        if left > MAX_LEFT_BYTES:
            raise TooLarge(
                f"the inputs have {left} bytes as JSON besides the values of {LEAST_BYTES} bytes and more, which are "
                f"stored; the limit is {MAX_LEFT_BYTES}: put many small values together into one list or object"
            )
        return written, chosen

    async def _store(self, record: RunSubmitted, written: Mapping[str, bytes]) -> dict[str, Reference]:
        places = asyncio.Semaphore(AT_ONCE)

        async def store(name: str, data: bytes) -> Reference:
            value = record.inputs[name]
            length = len(value) if isinstance(value, list) else None
            async with places:
                return await self._objects.put(record.org_id, data, length=length)

        try:
            async with asyncio.timeout(STORE_S):
                references = await asyncio.gather(*(store(name, data) for name, data in written.items()))
        except TimeoutError as exc:
            size = sum(map(len, written.values()))
            raise Unavailable("objects", f"{size} bytes of inputs were not stored within {STORE_S:g} s") from exc
        return dict(zip(written, references, strict=True))


def choose(sizes: Mapping[str, int], read_here: frozenset[str] | None) -> tuple[list[str], int]:
    """Return the inputs to store, the largest first, and the remaining bytes. ``sizes`` are in bytes of JSON."""
    left = 2 + sum(size + len(name.encode()) + 4 for name, size in sizes.items())
    kept = sizes.keys() if read_here is None else read_here
    chosen: list[str] = []
    for reads, most in ((False, INLINE_LIMIT), (True, MAX_LEFT_BYTES)):
        names = sorted((name for name in sizes if (name in kept) == reads), key=lambda name: (-sizes[name], name))
        for name in names:
            if left <= most or sizes[name] < LEAST_BYTES:
                break
            left -= sizes[name] - REFERENCE_BYTES
            chosen.append(name)
    return chosen, left


def _written(inputs: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: orjson.dumps(value) for name, value in inputs.items()}
