"""``make chaos-ha`` in short: brokers and masters of Redis are killed under load, and then every promise is checked."""

from pathlib import Path

import pytest

from deploy.local.engines.cluster_stack import RedisKind
from tests.chaos.ha.rounds import Rounds
from tests.chaos.ha.session import HaSession
from tests.chaos.session import Options

SHORT = Rounds(brokers=3, redis=2, postgres=1, clickhouse_s=10.0, nats=1)
OPTIONS = Options(seed=14, minutes=0.0, in_flight=60, settle_s=120)


@pytest.mark.timeout(600)
@pytest.mark.exhaustive
@pytest.mark.parametrize("redis", ["cluster", "sentinel"])
def test_every_promise_holds_while_servers_are_lost(redis: RedisKind, tmp_path: Path, capsys) -> None:
    lines: list[str] = []
    verdict = HaSession(OPTIONS, tmp_path, lines.append, SHORT, redis).play()
    with capsys.disabled():
        print(f"\nchaos-ha, Redis {redis}:\n{verdict.as_table()}")  # noqa: T201 - the figures belong in the output
    told = "\n".join([f"logs are in {tmp_path / 'logs'}", *verdict.problems, *lines])
    assert verdict.held, told
    assert verdict.accepted > OPTIONS.in_flight, told
    assert verdict.faults["kill"] == 3 + 2 + 1 + 1 + 1, told
