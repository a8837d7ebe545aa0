"""What the table of budgets is told of a run's cap: that it opens and that it closes. Runs without one pay nothing."""

from schemas.records.run_caps import RunEnded, RunReleased, RunReserved
from streams.core.commands import Command, Emit
from streams.core.runs.requests.reserve import ahead_nano
from streams.core.runs.state.reader import RunReader


def changes(turn: RunReader) -> list[Command]:
    """Return what this event did to the run's cap."""
    if turn.header.budget_nano is None:
        return []
    opened = _opened(turn) if turn.is_new else _freed(turn)
    return [*opened, *(_closed(turn) if turn.ended else ())]


def as_it_is(turn: RunReader) -> list[Command]:
    """Return what is said of the cap of a restored run."""
    if turn.header.budget_nano is None:
        return []
    return _closed(turn) if turn.is_over else _opened(turn)


def _opened(turn: RunReader) -> list[Command]:
    header = turn.header
    cap_nano = header.budget_nano or 0
    ahead = ahead_nano(turn)
    return [Emit(RunReserved(org_id=header.org_id, run_id=header.run_id, cap_nano=cap_nano, reserved_nano=ahead))]


def _freed(turn: RunReader) -> list[Command]:
    """Say what is still reserved after a branch was not taken."""
    if not turn.bounds or all(step.state != "skipped" for step in turn.changed.values()):
        return []
    org_id, ahead = turn.header.org_id, ahead_nano(turn)
    return [Emit(RunReleased(org_id=org_id, run_id=turn.run_id, reserved_nano=ahead, version=turn.offset))]


def _closed(turn: RunReader) -> list[Command]:
    return [Emit(RunEnded(org_id=turn.header.org_id, run_id=turn.run_id))]
