"""A rollout on real engines: kills and lost tables in the middle, and the decision that the log alone leads to."""

import random
from collections.abc import Iterator

import pytest
from msgspec import structs
from redis import Redis

from connectors.ports.engine import InRecord
from deploy.local.system import ORG, System
from schemas.records.base import Record
from schemas.records.rollouts.deployments import DeploymentDecided
from streams.core.commands import Emit
from streams.core.deployments.fold import DeploymentsFold
from streams.core.memory import MemoryState
from streams.runtime.routing import to_out
from tests.support.crashes import CHECKPOINT_MS, SESSION_MS
from tests.support.polling import until
from tests.support.rollouts import QUICK, both, overridden, started
from tests.support.topics import Message, produce, read_decoded, read_topic
from topics.catalogue import DEPLOYMENT_DECISIONS, DEPLOYMENT_OUTCOMES
from topics.codec import decode, encode

END_S = 60
ROLE = "deployments"
#: Nothing is overdue on a slow machine.
PLAN = structs.replace(QUICK, outcome_ms=3_600_000, score_ms=3_600_000, least_runs=10**6)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    env = {"SESSION_TIMEOUT_MS": str(SESSION_MS), "CHECKPOINT_INTERVAL_MS": str(CHECKPOINT_MS)}
    folder = tmp_path_factory.mktemp(ROLE)
    with System(folder, durable=False, layout={ROLE: (ROLE,)}, env=env, with_api=False) as system:
        yield system


def say(system: System, records: list[Record]) -> None:
    # Events of decisions go to a topic of the organisation, which must be one that exists.
    of_org = [structs.replace(record, org_id=ORG) for record in records]  # type: ignore[call-arg]
    messages = [Message(out.topic, out.key, out.value) for out in map(to_out, of_org)]
    produce(system.endpoints.kafka_bootstrap, messages)


def decided(system: System) -> list[DeploymentDecided]:
    return list(read_decoded(system.endpoints.kafka_bootstrap, DEPLOYMENT_DECISIONS))


def recomputed(records: list[InRecord]) -> list[bytes]:
    """Return the decisions of a log, from its records and their times alone."""
    fold, state, clock_ms, found = DeploymentsFold(), MemoryState(), 0, []
    for record in records:
        clock_ms = max(clock_ms, record.timestamp_ms)
        commands = fold.fold(state, decode(record.topic, record.value), clock_ms, record.offset)
        records_of = [command.record for command in commands if isinstance(command, Emit)]
        found += [encode(one) for one in records_of if isinstance(one, DeploymentDecided)]
    return found


def test_kills_and_a_lost_table_change_no_byte_of_a_decision(system: System) -> None:
    rng = random.Random(3)
    say(system, [started(PLAN)])
    until(lambda: decided(system), END_S, "the start is decided")
    with Redis.from_url(system.endpoints.redis_url) as redis:
        for part in range(4):
            runs = range(part * 60, part * 60 + 60)
            arms = [(number, rng.random() < 0.5) for number in runs]
            say(
                system,
                [
                    record
                    for number, canary in arms
                    for record in both(number, canary=canary, score=float(rng.random() < (0.55 if canary else 0.9)))
                ],
            )
            system.roles[ROLE].kill()
            if part % 2:
                redis.delete(*redis.scan_iter("{deployments:*", count=10_000))
            system.roles[ROLE].start()
        until(lambda: decided(system)[-1].status == "rolled_back", END_S, "the canary is rolled back")
        say(system, [overridden("promote")])
        until(lambda: decided(system)[-1].status == "promoted", END_S, "somebody promotes it all the same")
    log = read_topic(system.endpoints.kafka_bootstrap, DEPLOYMENT_OUTCOMES)
    expected = recomputed(log)
    assert [one.reason for one in decided(system)][-1] == "by_hand"
    emitted = [r.value for r in read_topic(system.endpoints.kafka_bootstrap, DEPLOYMENT_DECISIONS)]
    assert list(dict.fromkeys(emitted)) == expected
