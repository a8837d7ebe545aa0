"""What a copy is judged by: what it lacks at its end is lost, what it lacks before that is a gap."""

from bench.prove.deploy.standby import PARTITIONS, judged
from topics.partitioner import partition_for


def copy_of(*numbers: int) -> list[list[bytes]]:
    found: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    for number in numbers:
        value = str(number).encode()
        found[partition_for(value, PARTITIONS)].append(value)
    return found


ACKNOWLEDGED = [(float(number), str(number).encode()) for number in range(40)]


def test_a_whole_copy_lost_nothing() -> None:
    assert judged(ACKNOWLEDGED, 40.0, copy_of(*range(40))) == (0.0, 0, 0)


def test_the_end_of_the_log_is_lost_since_its_oldest_record() -> None:
    assert judged(ACKNOWLEDGED, 40.0, copy_of(*range(35))) == (5.0, 5, 0)


def test_a_gap_a_double_and_a_wrong_order_are_found() -> None:
    assert judged(ACKNOWLEDGED, 40.0, copy_of(*(n for n in range(40) if n != 3)))[2] == 1
    assert judged(ACKNOWLEDGED, 40.0, copy_of(*range(40), 7))[2] >= 1
    turned = [list(reversed(values)) for values in copy_of(*range(40))]
    assert judged(ACKNOWLEDGED, 40.0, turned)[2] > 0
