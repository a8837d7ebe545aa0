"""Which requests a worker that died may have begun."""

from connectors.ports.engine import InRecord
from streams.roles.worker.suspects import Suspects

PARTITION = ("step-requests.silver", 2)


class Control:
    def __init__(self, *, left_open: bool, end: int) -> None:
        self._left_open = left_open
        self._end = end

    def seek(self, partition: tuple[str, int], offset: int) -> None: ...

    def wake(self) -> None: ...

    def behind(self, partition: tuple[str, int]) -> bool:
        return False

    def end(self, partition: tuple[str, int]) -> int:
        return self._end

    def left_open(self, partition: tuple[str, int]) -> bool:
        return self._left_open

    async def confirms(self) -> bool:
        return True


def records(*offsets: int) -> list[InRecord]:
    return [InRecord(*PARTITION, offset, 0, None, None) for offset in offsets]


def found(suspects: Suspects, *offsets: int) -> list[bool]:
    return [suspects.has(PARTITION, offset) for offset in offsets]


def test_suspects_lie_between_the_groups_offset_and_the_end_that_was_there() -> None:
    suspects = Suspects(max_span=1_000)
    suspects.first(PARTITION, records(10, 11), Control(left_open=True, end=15))
    assert found(suspects, 10, 14, 15, 16) == [True, True, False, False]
    suspects.first(PARTITION, records(20), Control(left_open=True, end=99))
    assert found(suspects, 20) == [False], "only the first fetch of an assignment says where they end"


def test_suspects_reach_no_further_than_a_worker_reads_ahead() -> None:
    suspects = Suspects(max_span=5)
    suspects.first(PARTITION, records(10), Control(left_open=True, end=1_000))
    assert found(suspects, 14, 15) == [True, False]


def test_nothing_is_suspect_behind_an_owner_that_left_in_order() -> None:
    suspects = Suspects(max_span=5)
    suspects.first(PARTITION, records(10), Control(left_open=False, end=1_000))
    assert found(suspects, 10, 11) == [False, False]


def test_a_partition_that_comes_back_is_judged_again() -> None:
    suspects = Suspects(max_span=5)
    suspects.first(PARTITION, records(10), Control(left_open=True, end=1_000))
    suspects.revoke({PARTITION})
    assert found(suspects, 10) == [False]
    suspects.first(PARTITION, records(12), Control(left_open=False, end=1_000))
    assert found(suspects, 12) == [False]
