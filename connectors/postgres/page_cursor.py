"""Where a page of a list ends that is sorted by time of creation and id, the newest first."""

from schemas.errors import InvalidInput, Problem
from schemas.values.cursors import packed, unpacked

#: A row's time of creation as a cursor has it.
MICROS = "(extract(epoch FROM created_at) * 1000000)::bigint"
#: The condition for the rows after a cursor: its two placeholders are what ``read_cursor`` returns.
AFTER = "(created_at, id) < ('epoch'::timestamptz + {}::bigint * interval '1 microsecond', {}::text)"
#: Beyond any clock, and well inside the range of PostgreSQL's timestamps.
_MAX_MICROS = 2**60


def write_cursor(micros: int, row_id: str) -> str:
    """Return the cursor after a row."""
    return packed([micros, row_id])


def read_cursor(cursor: str) -> tuple[int, str]:
    """Return the row that a cursor is after: microseconds and id. Raises ``InvalidInput``."""
    try:
        micros, row_id = unpacked(cursor)
        if type(micros) is int and 0 <= micros < _MAX_MICROS and type(row_id) is str and "\0" not in row_id:
            return micros, row_id
    except ValueError:
        pass
    raise invalid_cursor()


def invalid_cursor() -> InvalidInput:
    """Return the error of a cursor that no page gave."""
    fix = "pass next_cursor of the previous page unchanged, or omit it"
    return InvalidInput("the cursor is invalid", (Problem("query.cursor", "invalid", fix),))
