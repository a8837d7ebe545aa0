"""A move as a state machine of both cells: every order of steps, crashes, late and repeated messages."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from schemas.cells.moves import (
    ENDED,
    STATES,
    Arrival,
    MoveState,
    NotAllowed,
    accepts,
    announced,
    begun,
    discarded,
    following,
    may_abort,
    opened,
    place_of,
    place_of_arrival,
    takes_part,
)

MOVE, CELL = "m1", "a"
#: A copy that was killed begins again; more than this many times adds no new situation.
MOST_ATTEMPTS = 3
Message = tuple[str, int]


@dataclass(frozen=True)
class World:
    """Both databases, what was ever sent, and what the source heard: messages may come late, twice, or never."""

    source: MoveState = "planned"
    attempt: int = 0
    abort: bool = False
    arrival: Arrival | None = None
    #: The copy whose rows the target has, as far as they are there; a begin deletes them.
    rows: int = 0
    sent: frozenset[Message] = frozenset()
    heard: frozenset[Message] = frozenset()


def deliver(world: World, message: Message) -> World:
    """Return the world after the target got a message; one that is not allowed changes nothing."""
    kind, attempt = message
    try:
        if kind == "announce":
            arrival = announced(world.arrival, MOVE, CELL)
            return replace(world, arrival=arrival, heard=world.heard | {message})
        if kind == "begin":
            arrival = begun(world.arrival, attempt)
            return replace(world, arrival=arrival, rows=0, heard=world.heard | {message})
        if kind == "rows":
            takes_part(world.arrival, attempt)
            return replace(world, rows=attempt, heard=world.heard | {message})
        if kind == "open":
            arrival = opened(world.arrival, attempt)
            return replace(world, arrival=arrival, heard=world.heard | {message})
        return replace(world, arrival=discarded(world.arrival, MOVE, CELL), heard=world.heard | {message})
    except NotAllowed:
        return world


def steps_of_source(world: World) -> Iterator[World]:
    """Yield what the source may do next. It may be killed after each, and then does one of these again."""
    at = world.attempt
    if world.source in ENDED:
        # An aborted move is called off in the target as often as it takes.
        if world.source == "aborted":
            yield replace(world, sent=world.sent | {("discard", 0)})
        return
    yield replace(world, abort=True)
    if world.abort and may_abort(world.source):
        yield replace(world, source="aborted")
    if world.source == "switching":
        yield from while_switching(world)
    elif world.source == "copying":
        yield from while_copying(world)
    elif world.source == "drained":
        yield replace(world, source=following(world.source), attempt=at + 1)
    elif world.source == "planned":
        yield replace(world, sent=world.sent | {("announce", 0)})
        if ("announce", 0) in world.heard:
            yield replace(world, source=following(world.source))
    else:
        yield replace(world, source=following(world.source))


def while_copying(world: World) -> Iterator[World]:
    at = world.attempt
    yield replace(world, sent=world.sent | {("begin", at), ("rows", at)})
    if at < MOST_ATTEMPTS:
        yield replace(world, attempt=at + 1)
    if {("begin", at), ("rows", at)} <= world.heard:
        yield replace(world, source=following(world.source))


def while_switching(world: World) -> Iterator[World]:
    yield replace(world, sent=world.sent | {("open", world.attempt)})
    if ("open", world.attempt) in world.heard:
        yield replace(world, source=following(world.source))
    if world.abort:
        yield replace(world, sent=world.sent | {("discard", 0)})
    if world.abort and ("discard", 0) in world.heard:
        yield replace(world, source="aborted")


def reachable() -> dict[World, set[World]]:
    found: dict[World, set[World]] = {}
    left = [World()]
    while left:
        world = left.pop()
        if world in found:
            continue
        nexts = set(steps_of_source(world)) | {deliver(world, message) for message in world.sent}
        found[world] = nexts - {world}
        left += found[world]
    return found


WORLDS = reachable()


def takers(world: World) -> list[bool]:
    there = place_of_arrival(world.arrival)
    return [accepts(place_of(world.source)), there is not None and accepts(there)]


def test_no_two_cells_accept_submissions_in_any_order_of_steps_and_messages() -> None:
    assert len(WORLDS) > 500
    assert not [world for world in WORLDS if all(takers(world))]


def test_exactly_one_cell_accepts_submissions_before_a_move_and_after_it() -> None:
    assert takers(World()) == [True, False]
    assert not [world for world in WORLDS if world.source in ENDED and sum(takers(world)) != 1]


def test_an_open_target_has_the_rows_of_the_copy_that_was_compared() -> None:
    assert not [w for w in WORLDS if w.arrival is not None and w.arrival.state == "open" and w.rows != w.attempt]


def test_every_situation_leads_to_an_end() -> None:
    ends = {world for world in WORLDS if world.source in ENDED}
    before: dict[World, set[World]] = {}
    for world, nexts in WORLDS.items():
        for one in nexts:
            before.setdefault(one, set()).add(world)
    reached, left = set(ends), list(ends)
    while left:
        for world in before.get(left.pop(), ()):
            if world not in reached:
                reached.add(world)
                left.append(world)
    assert reached == set(WORLDS)


def test_an_abort_before_the_order_to_open_gives_everything_back() -> None:
    aborted = [world for world in WORLDS if world.source == "aborted"]
    assert aborted
    assert not [world for world in aborted if place_of_arrival(world.arrival) == "here"]


def test_states_follow_each_other_and_end() -> None:
    assert [following(one) for one in STATES if one not in ENDED] == [b for _, b in pairwise(STATES) if b != "aborted"]
    for state in ENDED:
        with pytest.raises(NotAllowed, match="nothing follows"):
            following(state)


def test_a_begin_that_comes_twice_deletes_nothing() -> None:
    known = begun(announced(None, MOVE, CELL), 1)
    with pytest.raises(NotAllowed, match="copy 1 comes after copy 1"):
        begun(known, 1)
    assert begun(announced(known, MOVE, CELL), 2).attempt == 2


def test_a_part_of_an_earlier_copy_is_refused() -> None:
    with pytest.raises(NotAllowed, match="copy 2 is in progress"):
        takes_part(begun(begun(announced(None, MOVE, CELL), 1), 2), 1)


def test_an_open_arrival_is_never_called_off() -> None:
    with pytest.raises(NotAllowed, match="is open"):
        discarded(opened(begun(announced(None, MOVE, CELL), 1), 1), MOVE, CELL)


def test_an_arrival_that_was_called_off_never_begins() -> None:
    with pytest.raises(NotAllowed, match="is discarded"):
        begun(discarded(None, MOVE, CELL), 1)
    with pytest.raises(NotAllowed, match="is discarded"):
        announced(discarded(None, MOVE, CELL), MOVE, CELL)


def test_a_copy_that_was_not_announced_is_refused() -> None:
    with pytest.raises(NotAllowed, match="not announced"):
        begun(None, 1)
