"""The fold of cost events: exact sums whatever the order and however often settlements come."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.budgets import spend_fields
from schemas.errors import BadRecord
from schemas.metrics import COST_SETTLEMENTS_TOTAL, counter_field
from schemas.records.money import CostEvent
from streams.core.budgets import SETTLED_HORIZON_MS, BudgetsFold, settled_entity
from streams.core.commands import Command, Count, ExpireAt, Release

DAY_MS = 86_400_000
NOV_22 = 1_795_305_600_000  # 2026-11-22T00:00:00Z
MAX_AMOUNT = 2**53 - 1
FOLD = BudgetsFold()


class EncodedState:
    """Entries as the table keeps them: every read and write passes the codec."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, bytes]] = {}

    def get(self, entity: str, field: str) -> Any | None:
        data = self.entries.get(entity, {}).get(field)
        return None if data is None else FOLD.decode(entity, field, data)

    def fields(self, entity: str) -> Iterable[str]:
        return self.entries.get(entity, {}).keys()

    def put(self, entity: str, field: str, value: Any) -> None:
        self.entries.setdefault(entity, {})[field] = FOLD.encode(entity, field, value)

    def drop(self, entity: str, field: str) -> None:
        self.entries.get(entity, {}).pop(field, None)

    def spent(self, field: str, org: str = "acme") -> int:
        return int(self.entries.get(org, {}).get(field, b"0"))


def settlement(
    call: str = "r:s:1#1",
    kind: str = "actual",
    amount: int = 100,
    *,
    org: str = "acme",
    at: int = NOV_22,
    model: str = "m1",
) -> CostEvent:
    return msgspec.convert(
        {
            "call_id": call,
            "kind": kind,
            "org_id": org,
            "run_id": "r",
            "step_id": "s",
            "workflow_name": "wf",
            "provider": "p",
            "model": model,
            "amount_nano": amount,
            "booked_at_ms": at,
            "price_version": "v",
        },
        CostEvent,
    )


def run(state: EncodedState, *events: CostEvent) -> list[list[Command]]:
    return [FOLD.fold(state, event, NOV_22 + n, n) for n, event in enumerate(events)]


def effects(commands: list[Command]) -> list[str]:
    for count in (c for c in commands if isinstance(c, Count)):
        counter_field(count.metric, count.labels)  # raises for what is not declared
    return [dict(c.labels)["effect"] for c in commands if isinstance(c, Count) and c.metric == COST_SETTLEMENTS_TOTAL]


def test_actual_books_every_field_releases_and_is_remembered() -> None:
    state = EncodedState()
    [commands] = run(state, settlement(amount=125))
    assert state.entries["acme"] == dict.fromkeys(spend_fields("wf", "p", "m1", NOV_22), b"125")
    assert Release("acme", "r:s:1#1") in commands
    assert ExpireAt(settled_entity("r:s:1#1"), NOV_22 + SETTLED_HORIZON_MS) in commands
    assert effects(commands) == ["booked"]
    assert set(state.entries) == set(FOLD.touches(settlement()))


def test_actual_replaces_presumed_in_the_windows_that_the_presumed_booked() -> None:
    state = EncodedState()
    presumed = settlement(kind="presumed", amount=500)
    late = settlement(amount=30, at=NOV_22 + 40 * DAY_MS, model="another")
    first, second = run(state, presumed, late)
    assert state.entries["acme"] == dict.fromkeys(spend_fields("wf", "p", "m1", NOV_22), b"30")
    assert effects(first) == ["booked"]
    assert effects(second) == ["corrected"]
    assert Release("acme", "r:s:1#1") in second


def test_an_actual_of_nothing_takes_the_presumed_back() -> None:
    state = EncodedState()
    run(state, settlement(kind="presumed", amount=500), settlement(amount=0))
    assert set(state.entries["acme"].values()) == {b"0"}


@pytest.mark.parametrize(
    "kinds",
    [
        ("actual", "actual"),
        ("actual", "presumed"),
        ("presumed", "presumed"),
        ("presumed", "actual", "presumed"),
    ],
)
def test_repeats_change_nothing_and_are_counted(kinds: tuple[str, ...]) -> None:
    state = EncodedState()
    *before, last = [settlement(kind=kind) for kind in kinds]
    run(state, *before)
    kept = {entity: dict(entries) for entity, entries in state.entries.items()}
    [commands] = run(state, last)
    assert state.entries == kept
    assert effects(commands) == ["repeated"]
    assert len(commands) == 1


def test_organisations_do_not_share_spend() -> None:
    state = EncodedState()
    run(state, settlement("a", org="acme", amount=1), settlement("b", org="umbrella", amount=2))
    assert (state.spent("org|total"), state.spent("org|total", "umbrella")) == (1, 2)


@pytest.mark.parametrize("org", ["settled:r:s:1#1", "", "a b", "a" * 65, "ü"])
def test_an_organisation_that_could_name_another_entity_is_refused(org: str) -> None:
    with pytest.raises(BadRecord) as refused:
        run(EncodedState(), settlement(org=org))
    assert refused.value.reason == "org_id"


def test_sums_stay_exact_beyond_what_a_double_holds() -> None:
    state = EncodedState()
    run(state, *(settlement(str(n), amount=MAX_AMOUNT - n) for n in range(50)))
    assert state.spent("org|total") == sum(MAX_AMOUNT - n for n in range(50))


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[CostEvent], dict[str, CostEvent]]:
    """Any order and number of repeats of the settlements of a few calls, and the final one of each call."""
    distinct: list[CostEvent] = []
    final: dict[str, CostEvent] = {}
    for n in range(draw(st.integers(1, 6))):
        at = NOV_22 + draw(st.integers(-40, 40)) * DAY_MS
        model = draw(st.sampled_from(["m1", "m2"]))
        amounts = st.integers(0, MAX_AMOUNT)
        for kind in draw(st.sampled_from([("actual",), ("presumed",), ("presumed", "actual")])):
            event = settlement(f"call-{n}", kind, draw(amounts), at=at, model=model)
            distinct.append(event)
            final[event.call_id] = event  # an actual comes last and is final
    repeats = draw(st.lists(st.sampled_from(distinct), max_size=12))
    return draw(st.permutations([*distinct, *repeats])), final


@given(deliveries())
@settings(max_examples=200)
def test_spend_is_the_sum_of_final_settlements_in_any_order(
    case: tuple[list[CostEvent], dict[str, CostEvent]],
) -> None:
    events, final = case
    state = EncodedState()
    commands = [c for group in run(state, *events) for c in group]
    expected: dict[str, int] = {}
    for event in final.values():
        for field in spend_fields(event.workflow_name, event.provider, event.model, event.booked_at_ms):
            expected[field] = expected.get(field, 0) + event.amount_nano
    assert {field: state.spent(field) for field in state.fields("acme")} == expected
    assert {c.call_id for c in commands if isinstance(c, Release)} == set(final)
    assert sum(isinstance(c, Count) for c in commands) == len(events)


@given(deliveries())
def test_spend_is_never_below_zero_on_the_way(case: tuple[list[CostEvent], dict[str, CostEvent]]) -> None:
    state = EncodedState()
    for event in case[0]:
        run(state, event)
        assert min(state.spent(field) for field in state.fields("acme")) >= 0
