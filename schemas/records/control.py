"""Records that operators append to a table's own input topic, so that what they did is in the log like all else."""

from typing import ClassVar

from schemas.records.base import Record


class KeyReleased(Record, frozen=True, kw_only=True, tag_field="type", tag="key.released"):
    """A quarantined key is folded again, its waiting records first and in order. The record's key is ``key``.

    ``key`` is a run id on ``run-events``, an organisation on ``cost-events`` and ``admissions``.
    """

    type: ClassVar[str] = "key.released"
    key: str
    requested_by: str = ""
