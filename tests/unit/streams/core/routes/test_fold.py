"""The fold of route outcomes against an oracle that counts from all records at once, through crashes and restores."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest

from connectors.memory.checkpoints import MemoryCheckpoints
from connectors.memory.engine import ManualClock, MemoryLog, MemoryTable
from schemas.errors import BadRecord
from schemas.metrics import ROUTE_OUTCOMES_TOTAL
from schemas.metrics.fields import counter_field
from schemas.records.routes import RouteEvent, RouteOutcome, RouteScored
from schemas.tables.routes import LEARNED, NOTHING, Arm, Learned, arms_entity, decision_entity
from services.routing.bandit import Terms, learned_choice
from services.routing.choice import Candidate, Choice
from streams.core.commands import Command, Count, ExpireAt
from streams.core.routes.fold import DECISION_HORIZON_MS, RoutesFold
from streams.core.routes.learning import DISCOUNT
from streams.runtime.routing import to_out
from streams.runtime.table.engine import Engine
from streams.runtime.table.partition import OwnedPartition
from streams.runtime.table.spec import Ports, TableSpec
from streams.runtime.table.takeover import Takeover
from topics.catalogue import ROUTE_OUTCOMES

FOLD = RoutesFold()
ROUTES = ("a/x", "a/y", "b/z")
GROUPS = (("acme", "summary"), ("acme", "triage"), ("other", "summary"))


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


def outcome(call: str = "c1", route: str = "a/x", score: float = 0.7, **fields: Any) -> RouteOutcome:
    base = {
        "org_id": "acme",
        "prompt": "summary",
        "tier": "gold",
        "run_id": "r",
        "step_id": "s",
        "propensity": 0.5,
        "outcome": "ok",
        "cost_nano": 100,
        "estimate_nano": 200,
        "latency_ms": 1500.0,
        "policy": "1",
        "models": "1",
        "decided_at_ms": 1,
    }
    return msgspec.convert(
        base | {"decision_id": call, "call_id": f"{call}#1", "route": route, "score": score} | fields, RouteOutcome
    )


def scored(call: str = "c1", score: float = 0.1, **fields: Any) -> RouteScored:
    base = {"org_id": "acme", "prompt": "summary", "tier": "gold", "run_id": "r", "step_id": "s", "scored_at_ms": 1}
    return msgspec.convert(base | {"decision_id": call, "score": score} | fields, RouteScored)


def run(state: EncodedState, *events: RouteEvent) -> list[list[Command]]:
    return [FOLD.fold(state, event, 1_000 + n, n) for n, event in enumerate(events)]


def effects(commands: Sequence[Sequence[Command]]) -> list[str]:
    counts = [c for one in commands for c in one if isinstance(c, Count) and c.metric == ROUTE_OUTCOMES_TOTAL]
    for count in counts:
        counter_field(count.metric, count.labels)  # raises for what is not declared
    return [dict(c.labels)["effect"] for c in counts]


def learned(state: EncodedState, event: RouteEvent) -> Learned:
    return state.get(arms_entity(event.group), LEARNED) or NOTHING


def test_outcome_is_counted_once_and_remembered() -> None:
    state, event = EncodedState(), outcome(sla_ms=1000)
    commands = run(state, event, event)
    assert effects(commands) == ["learned", "repeated"]
    assert learned(state, event).arms == {"a/x": Arm(1, 0.7, 0.7 * 0.7, 100, 200, 0.5, 1500, 0)}
    assert ExpireAt(decision_entity("c1"), 1_000 + DECISION_HORIZON_MS) in commands[0]
    assert set(state.entries) == set(FOLD.touches(event))


@pytest.mark.parametrize(
    ("sla_ms", "latency_ms", "late"),
    [(1, 1.25, 0.25), (1, 0.5, 0.0), (1000, 2500.0, 1.0), (0, 5.0, 0.0), (None, 5.0, 0.0)],
)
def test_lateness_is_the_share_over_the_target_and_one_at_most(
    sla_ms: int | None, latency_ms: float, late: float
) -> None:
    state, event = EncodedState(), outcome(sla_ms=sla_ms, latency_ms=latency_ms)
    run(state, event)
    assert learned(state, event).arms["a/x"].late == late


def test_failure_counts_as_failed() -> None:
    state, event = EncodedState(), outcome(outcome="timeout", score=0.0)
    run(state, event)
    assert learned(state, event).arms["a/x"].failed == 1


def test_last_score_counts_whether_it_comes_before_or_after_the_outcome() -> None:
    late, early = EncodedState(), EncodedState()
    assert effects(run(late, outcome(), scored(score=0.9), scored(score=0.2))) == ["learned", "rescored", "rescored"]
    assert effects(run(early, scored(score=0.9), scored(score=0.2), outcome())) == ["early", "early", "learned"]
    for state in (late, early):
        assert learned(state, outcome()).arms["a/x"].score == pytest.approx(0.2)


def test_group_is_organisation_prompt_and_tier() -> None:
    groups = [outcome(), outcome(tier="bronze"), outcome(prompt="other"), outcome(org_id="b")]
    assert len({one.group for one in groups}) == 4
    assert to_out(groups[0])[:2] == (ROUTE_OUTCOMES, b"acme:summary:gold")


def test_score_of_a_choice_of_another_group_is_refused() -> None:
    state = EncodedState()
    run(state, outcome())
    with pytest.raises(BadRecord, match="c1 was made in acme:summary:gold"):
        run(state, scored(prompt="triage"))
    with pytest.raises(BadRecord, match="organisation id"):
        run(state, outcome(org_id="a:b"))


# --- against an oracle --------------------------------------------------------------------------------------------


def random_log(rng: random.Random, length: int) -> list[RouteEvent]:
    """Return outcomes of three groups, with repeats, and scores that come early, late and twice."""
    log: list[RouteEvent] = []
    for n in range(length):
        org, prompt = rng.choice(GROUPS)
        event = outcome(
            f"call-{n}",
            rng.choice(ROUTES),
            rng.random(),
            org_id=org,
            prompt=prompt,
            cost_nano=rng.randrange(1000),
            sla_ms=rng.choice([None, 1000]),
            outcome=rng.choice(["ok", "ok", "error"]),
        )
        log.append(event)
        for _ in range(rng.choice([0, 0, 1, 2])):
            score = scored(event.decision_id, rng.random(), org_id=org, prompt=prompt)
            log.insert(rng.randrange(max(0, len(log) - 40), len(log) + 1), rng.choice([event, score]))
    return log


def oracle(log: Sequence[RouteEvent], group: str) -> dict[str, Arm]:
    """Count from the whole log: distinct outcomes in order of their first record, each with its last score."""
    scores = {one.decision_id: one.score for one in log if isinstance(one, RouteScored)}
    first = {one.decision_id: one for one in reversed(log) if isinstance(one, RouteOutcome) and one.group == group}
    order = [call for call in dict.fromkeys(o.decision_id for o in log if isinstance(o, RouteOutcome)) if call in first]
    arms: dict[str, list[float]] = {}
    for age, call in enumerate(reversed(order)):
        one, weight = first[call], DISCOUNT**age
        score = scores.get(call, one.score)
        late = 0.0 if one.sla_ms is None else one.latency_ms / one.sla_ms - 1
        of_one = (1, score, score**2, one.cost_nano, one.estimate_nano, late, one.latency_ms, one.outcome != "ok")
        sums = arms.setdefault(one.route, [0.0] * len(of_one))
        arms[one.route] = [total + weight * value for total, value in zip(sums, of_one, strict=True)]
    return {route: Arm(*sums) for route, sums in arms.items()}


@pytest.mark.parametrize("seed", range(12))
def test_state_is_what_the_oracle_counts_from_the_whole_log(seed: int) -> None:
    log, state = random_log(random.Random(seed), 250), EncodedState()
    run(state, *log)
    for group in {event.group for event in log}:
        known: Learned = state.get(arms_entity(group), LEARNED) or NOTHING
        expected = oracle(log, group)
        assert set(known.arms) == set(expected)
        for route, arm in expected.items():
            assert msgspec.structs.astuple(known.arms[route]) == pytest.approx(msgspec.structs.astuple(arm))


# --- on the engine ------------------------------------------------------------------------------------------------


class Owners:
    """One partition of the table on ports in memory; each ``owner`` is another process."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log, self.table, self.checkpoints = MemoryLog(1, self.clock), MemoryTable(), MemoryCheckpoints()
        self.lost: list[OwnedPartition] = []

    async def owner(self) -> tuple[Engine, OwnedPartition]:
        ports = Ports(table=self.table, log=self.log, checkpoints=self.checkpoints, clock=self.clock)
        engine = Engine(
            TableSpec(topic=ROUTE_OUTCOMES, fold=FOLD), ports, on_lost=self.lost.append, on_gap=self.lost.append
        )
        takeover = Takeover(engine, self.checkpoints, memory_limit=10, restore_grace_ms=0)
        owned = takeover.new(0)
        await takeover.take(owned)
        return engine, owned

    def learned(self) -> Learned:
        return FOLD.decode("", LEARNED, self.table.entity(0, arms_entity(outcome().group))[LEARNED])


def choices(known: Learned, first: int, number: int) -> list[Choice]:
    """Return the next choices of a router that reads this state."""
    candidates = tuple(
        Candidate(route=route, quality=0.6, cost_nano=100, latency_ms=1.0, reliability=1.0, parts={}, score=0.0)
        for route in ROUTES
    )
    static = Choice(by="learn", tier="gold", policy="", models="", route=ROUTES[0], candidates=candidates)
    return [learned_choice(static, Terms(known=known, seed=f"run:step:{n}")) for n in range(first, first + number)]


async def play(owners: Owners, rng: random.Random | None) -> list[str]:
    """Choose, fold the outcome, and so on; with ``rng``, owners are killed and the table is lost in between."""
    engine, owned = await owners.owner()
    worth, found = random.Random(9), []
    for n in range(250):
        known = owners.learned() if n else NOTHING
        [choice] = choices(known, n, 1)
        found.append(choice.route)
        event = outcome(f"c{n}", choice.route, worth.random())
        await owners.log.append([to_out(event), *([to_out(scored(f"c{n - 5}", 0.3))] if n % 7 == 6 else [])])
        records = owners.log.records(ROUTE_OUTCOMES, 0)[owned.committed :]
        mishap = rng.choice(["", "", "", "killed", "lost", "killed in the middle"]) if rng else ""
        if mishap == "killed in the middle":
            await engine.prepare([(owned, records)])
        if mishap == "lost":
            owners.table.forget(0)
        if mishap:
            engine, owned = await owners.owner()
            records = owners.log.records(ROUTE_OUTCOMES, 0)[owned.committed :]
        if records:
            await engine.process([(owned, records)])
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_killed_owners_and_lost_tables_change_no_choice(seed: int) -> None:
    undisturbed, disturbed = Owners(), Owners()
    assert await play(undisturbed, None) == await play(disturbed, random.Random(seed))
    assert disturbed.learned() == undisturbed.learned()
    assert choices(disturbed.learned(), 1000, 100) == choices(undisturbed.learned(), 1000, 100)


async def test_restored_table_is_the_live_one_byte_for_byte() -> None:
    owners = Owners()
    engine, owned = await owners.owner()
    await owners.log.append([to_out(event) for event in random_log(random.Random(4), 300)])
    await engine.process([(owned, owners.log.records(ROUTE_OUTCOMES, 0))])
    live = {name: owners.table.entity(0, name) for name in [arms_entity(f"{o}:{p}:gold") for o, p in GROUPS]}
    owners.table.forget(0)
    await owners.owner()
    assert {name: owners.table.entity(0, name) for name in live} == live
    assert all(live.values())
