"""What the table of budgets is told of a run's cap: that it opens and that it closes. Runs without one pay nothing."""

from schemas.records.run_caps import RunEnded, RunReleased, RunReserved
from streams.core.commands import Command, Emit
from streams.core.runs.requests.reserve import ahead_nano
from streams.core.runs.state.reader import RunReader


def changes(run: RunReader) -> list[Command]:
    """Return what this event did to the run's cap."""
    if run.header.budget_nano is None:
        return []
    opened = _opened(run) if run.is_new else _freed(run)
    return [*opened, *(_closed(run) if run.ended else ())]


def as_it_is(run: RunReader) -> list[Command]:
    """Return what is said of the cap of a restored run."""
    if run.header.budget_nano is None:
        return []
    return _closed(run) if run.is_over else _opened(run)


def _opened(run: RunReader) -> list[Command]:
    header = run.header
    cap_nano = header.budget_nano or 0
    ahead = ahead_nano(run)
    return [Emit(RunReserved(org_id=header.org_id, run_id=header.run_id, cap_nano=cap_nano, reserved_nano=ahead))]


def _freed(run: RunReader) -> list[Command]:
    """Say what is still reserved after a branch was not taken."""
    if not run.bounds or all(step.state != "skipped" for step in run.changed.values()):
        return []
    org_id, ahead = run.header.org_id, ahead_nano(run)
    return [Emit(RunReleased(org_id=org_id, run_id=run.run_id, reserved_nano=ahead, version=run.offset))]


def _closed(run: RunReader) -> list[Command]:
    return [Emit(RunEnded(org_id=run.header.org_id, run_id=run.run_id))]
