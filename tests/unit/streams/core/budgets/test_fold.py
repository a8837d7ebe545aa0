"""The fold of cost events: exact sums whatever the order and however often settlements come."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.budgets import spend_fields
from schemas.errors import BadRecord
from schemas.metrics import COST_SETTLEMENTS_TOTAL
from schemas.metrics.fields import counter_field
from schemas.records.money import CallStarted, CostEvent
from schemas.tables.budgets import settled_entity
from streams.core.budgets.fold import SETTLED_HORIZON_MS, BudgetsFold, CallEvent
from streams.core.commands import Command, Count, ExpireAt, Hold, Release

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


def started(call: str = "r:s:1#1", amount: int = 500, *, at: int = NOV_22) -> CallStarted:
    return CallStarted(
        call_id=call,
        org_id="acme",
        run_id="r",
        step_id="s",
        workflow_name="wf",
        provider="p",
        model="m1",
        amount_nano=amount,
        booked_at_ms=at,
        expires_at_ms=at + 60_000,
        price_version="v",
    )


def run(state: EncodedState, *events: CallEvent) -> list[list[Command]]:
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
    assert len(commands) == 2
    assert Release("acme", "r:s:1#1") in commands, "a hold that came back after the first settlement leaves, too"


START, ACTUAL, PRESUMED = started(), settlement(amount=30), settlement(kind="presumed", amount=500)


@pytest.mark.parametrize(
    ("before", "comes", "spent", "holds", "effect"),
    [
        ([], START, 0, True, []),
        ([START], START, 0, False, []),
        ([START], ACTUAL, 30, False, ["booked"]),
        ([START], PRESUMED, 500, False, ["booked"]),
        ([START, PRESUMED], ACTUAL, 30, False, ["corrected"]),
        ([START, PRESUMED], START, 500, False, []),
        ([START, PRESUMED], PRESUMED, 500, False, ["repeated"]),
        ([START, ACTUAL], START, 30, False, []),
        ([START, ACTUAL], PRESUMED, 30, False, ["repeated"]),
        ([START, ACTUAL], ACTUAL, 30, False, ["repeated"]),
        ([ACTUAL], START, 30, False, []),
        ([PRESUMED], START, 500, False, []),
    ],
)
def test_a_started_call_is_held_until_it_has_a_settlement(
    before: list[CallEvent], comes: CallEvent, spent: int, holds: bool, effect: list[str]
) -> None:
    state = EncodedState()
    run(state, *before)
    [commands] = run(state, comes)
    assert state.spent("org|total") == spent
    assert (Hold(START) in commands) is holds
    assert (Release("acme", "r:s:1#1") in commands) is isinstance(comes, CostEvent)
    assert effects(commands) == effect


@pytest.mark.parametrize("end", [ACTUAL, PRESUMED])
def test_only_a_call_under_way_has_a_hold_to_be_put_back(end: CostEvent) -> None:
    def held() -> list[CallStarted]:
        entries = state.entries[settled_entity("r:s:1#1")].items()
        found = [FOLD.hold(settled_entity("r:s:1#1"), name, data) for name, data in entries]
        return [call for call in found if call is not None]

    state = EncodedState()
    run(state, START)
    assert held() == [START]
    run(state, end)
    assert held() == []


@pytest.mark.parametrize("first", [START, ACTUAL, PRESUMED])
def test_a_checkpoint_tells_a_call_that_began_since_the_last_one(first: CallEvent) -> None:
    entity, state = settled_entity("r:s:1#1"), EncodedState()
    run(state, first)
    assert FOLD.whole(entity, state.entries[entity].keys())
    before = dict(state.entries[entity])
    run(state, settlement(amount=31))
    changed = {name for name, data in state.entries[entity].items() if before.get(name) != data}
    assert not FOLD.whole(entity, changed), "the checkpoint before has a record of it, which must not stay"


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
def deliveries(draw: st.DrawFn) -> tuple[list[CallEvent], dict[str, CostEvent]]:
    """Any order and number of repeats of the starts and settlements of a few calls; the final one of each call."""
    distinct: list[CostEvent] = []
    final: dict[str, CostEvent] = {}
    starts: list[CallEvent] = []
    for n in range(draw(st.integers(1, 6))):
        starts += [started(f"call-{n}")] * draw(st.integers(0, 2))
        at = NOV_22 + draw(st.integers(-40, 40)) * DAY_MS
        model = draw(st.sampled_from(["m1", "m2"]))
        amounts = st.integers(0, MAX_AMOUNT)
        for kind in draw(st.sampled_from([("actual",), ("presumed",), ("presumed", "actual")])):
            event = settlement(f"call-{n}", kind, draw(amounts), at=at, model=model)
            distinct.append(event)
            final[event.call_id] = event  # an actual comes last and is final
    repeats = draw(st.lists(st.sampled_from(distinct), max_size=12))
    return draw(st.permutations([*starts, *distinct, *repeats])), final


@given(deliveries())
@settings(max_examples=200)
def test_spend_is_the_sum_of_final_settlements_in_any_order(
    case: tuple[list[CallEvent], dict[str, CostEvent]],
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
    assert sum(isinstance(c, Count) for c in commands) == sum(isinstance(event, CostEvent) for event in events)


@given(deliveries())
def test_spend_is_never_below_zero_on_the_way(case: tuple[list[CallEvent], dict[str, CostEvent]]) -> None:
    state = EncodedState()
    for event in case[0]:
        run(state, event)
        assert min((state.spent(field) for field in state.fields("acme")), default=0) >= 0
