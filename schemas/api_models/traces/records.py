"""The records of a run, from which it can be replayed."""

from schemas.api_models.base import Answer


class RunRecordAnswer(Answer):
    """A record of the run. `record` is its JSON, byte for byte as it is in the log; `at_ms` is the time that it
    counted with, in milliseconds since 1970.
    """

    offset: int
    at_ms: int
    record: str


class RunRecordPage(Answer):
    """Some records of a run, in the order of the log."""

    run_id: str
    partition: int
    records: list[RunRecordAnswer]
    next_cursor: str | None = None
