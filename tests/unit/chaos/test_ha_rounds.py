"""What the rounds of losses strike, and in which order."""

import itertools
from collections import Counter

from tests.chaos.ha.rounds import BROKERS, MASTER_DOWN_S, Rounds
from tests.chaos.ha.site import REDIS_MASTER


def test_brokers_are_struck_in_turn_and_masters_in_between() -> None:
    lane = Rounds(brokers=6, redis=3).lanes()["brokers and Redis"]
    assert [fault.target for fault in lane if fault.target in BROKERS] == [*BROKERS, *BROKERS]
    assert Counter(fault.target for fault in lane)[REDIS_MASTER] == 3
    places = [place for place, fault in enumerate(lane) if fault.target == REDIS_MASTER]
    assert all(after - before > 1 for before, after in itertools.pairwise(places))


def test_a_master_is_away_for_longer_than_it_takes_to_be_missed() -> None:
    from deploy.local.engines.redis_servers import SILENT_MS

    assert MASTER_DOWN_S * 1000 > 2 * SILENT_MS


def test_a_lane_without_faults_is_empty() -> None:
    none = Rounds(brokers=0, redis=0, postgres=0, clickhouse_s=0.0, nats=0)
    assert all(not faults for faults in none.lanes().values())
