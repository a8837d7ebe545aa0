"""Plays the table: each case is a whole call through its stages, and judged by its class, its money and its time."""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.prices.book import Override, PriceBook
from connectors.providers.base import ModelResponse
from connectors.providers.conversation import ToolSpec
from schemas.errors import StepError
from schemas.records.money import CostEvent, ProviderCall
from services.calls.ledger import Ledger
from services.calls.pipeline import call_stages, compose
from services.routing.router import Pin
from tests.provider_faults.server import fault_server
from tests.provider_faults.table import FAULTS, WIRES, Fault, Kit, Means, means
from tests.support.calls import Calls, call
from tests.support.wire_fixtures import provider_at
from tests.support.wire_server import SPEECHES

INPUT_NANO, OUTPUT_NANO = 3, 15
COUNTED_NANO = 10 * INPUT_NANO + 5 * OUTPUT_NANO
MOST = 100
PRICES = PriceBook(
    [
        Override(
            provider=name,
            model="m",
            version="v",
            input_usd_per_mtok="0.003",
            output_usd_per_mtok="0.015",
            context_tokens=1_000_000,
        )
        for name in ("openai", "anthropic", "google", "cohere")
    ]
)
#: Cases at once. Most wait for a server that is silent.
_AT_ONCE = 40
#: What a stalled machine may add to a time limit.
_STALL_S = 20.0
_TOOL = ToolSpec("read", "Read.", {"type": "object", "properties": {}})


@dataclass(frozen=True)
class Case:
    """One row on one wire."""

    wire: str
    fault: Fault

    @property
    def name(self) -> str:
        return f"{self.wire}: {self.fault.name}"


@dataclass(frozen=True)
class Played:
    """What became of a case."""

    means: Means
    error: StepError | None
    response: ModelResponse | None
    cost: CostEvent
    record: ProviderCall
    held_nano: int
    took_s: float


CASES = tuple(Case(wire, fault) for fault in FAULTS for wire in WIRES)


async def play(case: Case, directory: Path) -> Played:
    """Make the call."""
    fault, name = case.fault, "openai" if case.wire == "responses" else case.wire
    calls, ledger = Calls(directory, prices=PRICES), Ledger()
    error, response = None, None
    async with fault_server(fault.script(Kit(case.wire))) as server:
        client = provider_at(case.wire, fault.url.format(port=server.port) + SPEECHES[case.wire].base_path)
        ports = replace(calls.ports(), providers={name: client})
        made = call(
            ledger,
            pinned=Pin(provider=name, model="m"),
            max_tokens=MOST,
            stream=fault.stream,
            timeout_s=fault.limit_s,
            tools=(_TOOL,) if fault.tools else (),
        )
        began_s = time.perf_counter()
        try:
            response = (await compose(call_stages(ports))(made)).response
        except StepError as exc:
            error = exc
        took_s = time.perf_counter() - began_s
        await client.close()
    (cost,), (record,) = ledger.costs, ledger.calls
    return Played(means(fault, case.wire), error, response, cost, record, calls.started[0].amount_nano, took_s)


def wrong(case: Case, played: Played) -> list[str]:
    """Return what is not as the table says."""
    meant, error = played.means, played.error
    found = [
        ("code", "ok" if error is None else error.code, meant.code),
        ("booked", *_money(played)),
        ("hangs", played.took_s > case.fault.limit_s + _STALL_S, False),
        ("over the hold", played.cost.amount_nano > played.held_nano, False),
    ]
    if error is not None:
        found.append(("retryable", error.retryable, meant.retryable))
    if meant.retry_after_ms is not None:
        found.append(("retry_after_ms", error and error.retry_after_ms, meant.retry_after_ms))
    if played.response is not None:
        text = played.response.text
        found.append(("text", text, case.fault.text or ""))
        if case.fault.tools:
            found.append(("calls", [bool(one.problem) for one in played.response.asked], [True]))
    return [f"{case.name}: {name} is {got!r}, not {wanted!r}" for name, got, wanted in found if got != wanted]


def _money(played: Played) -> tuple[object, object]:
    cost = played.cost
    booked, usage = (cost.kind, cost.amount_nano), cost.usage
    match played.means.money:
        case "nothing":
            return booked, ("actual", 0)
        case "counted":
            return booked, ("actual", COUNTED_NANO)
        case "estimate":
            return booked, ("presumed", played.held_nano)
        case "seen":
            return booked, ("presumed", 10 * INPUT_NANO + MOST * OUTPUT_NANO)
    # Bounds: more than was said, no more than was held, and flagged.
    flagged = len([note for note in played.record.notes if note.partition("_")[0] in ("input", "output")])
    bounded = usage.input_tokens > 10 and 5 < usage.output_tokens <= MOST
    priced = cost.amount_nano == usage.input_tokens * INPUT_NANO + usage.output_tokens * OUTPUT_NANO
    return (cost.kind, flagged, bounded, priced), ("actual", 2, True, True)


async def play_all(cases: Sequence[Case] = CASES) -> dict[str, list[str]]:
    """Play cases, many at once, and return what is wrong with each by its name."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(case: Case, directory: Path) -> tuple[str, list[str]]:
        async with gate:
            return case.name, wrong(case, await play(case, directory))

    with tempfile.TemporaryDirectory() as directory:
        return dict(await asyncio.gather(*(one(case, Path(directory)) for case in cases)))
