"""How long records are let gather between two polls."""

import pytest

from streams.runtime.consumer.batch_delay import BatchDelay


@pytest.mark.parametrize(
    ("records", "rest_ms"),
    [(0, 5), (1, 5), (21, 10), (41, 20), (99, 20), (100, 0), (5_000, 0)],
)
def test_the_rest_follows_the_size_of_the_poll(records: int, rest_ms: float) -> None:
    gathering = BatchDelay(min_ms=5, max_ms=20, ms_per_record=0.5, enough=100)
    gathering.took(records, now_ms=1_000)
    assert gathering.batch_delay_s(1_000) * 1_000 == pytest.approx(rest_ms)


def test_a_rest_ends_by_itself() -> None:
    gathering = BatchDelay(min_ms=0, max_ms=20, ms_per_record=0.5, enough=100)
    assert gathering.batch_delay_s(0) == 0
    gathering.took(31, now_ms=1_000)
    assert [round(gathering.batch_delay_s(1_000 + ms) * 1_000) for ms in (0, 5, 14, 15, 90)] == [15, 10, 1, 0, 0]


def test_at_a_steady_rate_chunks_grow_with_the_rate_and_fall_back() -> None:
    """A poll takes 5 ms of work; the records of its rest and its work are the next poll."""

    def chunk_at(records_per_ms: float, start: float) -> float:
        gathering = BatchDelay(min_ms=0, max_ms=20, ms_per_record=0.3, enough=500)
        chunk = start
        for _ in range(50):
            gathering.took(round(chunk), now_ms=0)
            chunk = records_per_ms * (5 + gathering.batch_delay_s(0) * 1_000)
        return chunk

    assert chunk_at(0.1, 1) < 1  # a lone run waits for nobody
    assert chunk_at(2, 1) == pytest.approx(23, rel=0.05)
    assert chunk_at(5, 1) == pytest.approx(125, rel=0.01)  # the longest rest
    assert chunk_at(0.1, 400) < 1
