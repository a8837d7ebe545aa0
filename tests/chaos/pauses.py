"""How long work stood still: gaps between the results of steps while runs were open, and the faults around them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from tests.chaos.hands import Done

#: A fault shows a little later than it strikes: what was under way comes to its end first.
LATE_MS = 3_000
#: Shorter gaps are the ordinary unevenness of work.
SHORTEST_MS = 500


@dataclass(frozen=True, slots=True)
class Pause:
    """``seconds`` without a result in one partition, of which ``after_s`` when its last fault was over already."""

    seconds: float
    after_s: float
    partition: int
    at_ms: int
    faults: tuple[str, ...] = ()


NONE = Pause(0.0, 0.0, -1, 0)


def pauses(
    submitted: Mapping[str, tuple[int, int]], results: Mapping[str, Sequence[int]], faults: Sequence[Done], to_ms: int
) -> list[Pause]:
    """Return the pauses that were over by ``to_ms``, or that went on then.

    ``submitted`` has the time and the partition of each run, ``results`` the times of its steps' results; all times
    are milliseconds. A partition without open runs does not stand still, it has nothing to do.
    """
    of_partition = sorted(submitted.items(), key=lambda run: run[1][1])
    found: list[Pause] = []
    for partition, runs in groupby(of_partition, key=lambda run: run[1][1]):
        moments = sorted(moment for run, (at, _) in runs for moment in _moments(at, sorted(results.get(run, ()))))
        found += [_pause(partition, *gap, faults) for gap in _gaps(moments, to_ms)]
    return found


def longest(found: Sequence[Pause]) -> Pause:
    """Return the longest pause."""
    return max(found, key=lambda pause: pause.seconds, default=NONE)


def slowest(found: Sequence[Pause]) -> Pause:
    """Return the pause that went on for longest after its faults were over."""
    return max(found, key=lambda pause: pause.after_s, default=NONE)


def _moments(submitted_ms: int, results: Sequence[int]) -> Iterator[tuple[int, int, bool]]:
    """Yield when something happened to a run, by how much it changed the open runs, and whether it is a result."""
    yield submitted_ms, 1, False
    for number, at in enumerate(results, 1):
        yield at, -1 if number == len(results) else 0, True


def _gaps(moments: Sequence[tuple[int, int, bool]], to_ms: int) -> Iterator[tuple[int, int]]:
    """Yield where runs were open and no result came, as (from, to)."""
    open_, since = 0, 0
    for at, change, is_result in moments:
        if at > to_ms:
            break
        if is_result and open_ and at - since >= SHORTEST_MS:
            yield since, at
        if is_result or not open_:
            since = at
        open_ += change
    if open_ and to_ms - since >= SHORTEST_MS:
        yield since, to_ms


def _pause(partition: int, before: int, after: int, faults: Sequence[Done]) -> Pause:
    near = [done for done in faults if done.began_ms <= after and done.ended_ms >= before - LATE_MS]
    over = max([before, *(done.ended_ms for done in near if done.ended_ms <= after)])
    # A fault that is still under way excuses the whole pause.
    after_s = 0.0 if any(done.ended_ms > after for done in near) else (after - over) / 1000
    said = tuple(" ".join(str(done.fault).split()) for done in near)
    return Pause((after - before) / 1000, after_s, partition, before, said)
