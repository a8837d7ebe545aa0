"""Why a partition is BROKEN: going on would lose something, so somebody must decide. In words, with what to do."""

from connectors.ports.engine import Bounds
from streams.runtime.checkpoint.codec import Marker

_REBUILD = "`python -m streams.ops rebuild` (docs/how-to/operations.md, `A partition is broken`)"


def outside(offset: int, bounds: Bounds) -> str:
    """Say that a position is not in the log; empty if it is."""
    if bounds.first <= offset <= bounds.end:
        return ""
    return (
        f"the table stands at offset {offset}, but the log holds {bounds.first} to {bounds.end}; bring the log back, or"
        f" rebuild the table from its checkpoint and the log with {_REBUILD}"
    )


def of_another_log(other: str, incarnation: str) -> str:
    """Say that a table was folded from another log."""
    return (
        f"the table was folded from another log: its cluster and topic were {other}, now they are {incarnation}; point"
        " KAFKA_BOOTSTRAP at its cluster or bring the topic back; to begin anew, rebuild it from this log with"
        f" {_REBUILD}"
    )


def lost_records(marker: Marker | None, incarnation: str, bounds: Bounds) -> str:
    """Say what of the log is missing to restore a table that is gone; empty if nothing is."""
    if marker is None:
        if bounds.first == 0:
            return ""
        what = f"there is no checkpoint, and the log has lost offsets 0 to {bounds.first - 1}"
    elif marker.incarnation != incarnation:
        what = f"the checkpoint is of another log: its cluster and topic were {marker.incarnation}, now {incarnation}"
    elif not bounds.first <= marker.offset <= bounds.end:
        what = f"the checkpoint is as of offset {marker.offset}, but the log holds {bounds.first} to {bounds.end}"
    else:
        return ""
    return f"the table is gone and {what}; bring the log back, or go on without what is lost, with {_REBUILD}"
