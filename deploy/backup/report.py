"""What a restore did, for people: as lines, and as JSON with every call whose outcome nobody knows."""

import msgspec

from deploy.backup.archive.manifest import Ledger
from deploy.backup.restoring.inflight import OpenRequest
from schemas.records.money import CallStarted
from schemas.timestamps import format_time


class UnknownCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a provider that was in the log and not settled: it may have been made, and billed."""

    call_id: str
    org_id: str
    run_id: str
    step_id: str
    provider: str
    model: str
    held_nano: int


class OpenAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt without an outcome: it is given out once more. ``begun``: a worker may have started it."""

    request_id: str
    org_id: str
    run_id: str
    step_id: str
    attempt: int
    kind: str
    topic: str
    begun: bool
    on_unknown: str
    idempotency_key: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was restored, from which backup, up to which offsets. ``write_s`` is the time of the records alone."""

    backup_id: str
    cut_at_ms: int
    earlier: bool
    ends: dict[str, dict[int, int]]
    records: int
    rows: int
    objects: int
    runs_taken_out: int
    subjects_erased: int
    vault_of_ms: int | None
    ledger: Ledger
    unknown_calls: list[UnknownCall]
    open_attempts: list[OpenAttempt]
    longer_by_days: int
    write_s: float
    took_s: float

    def lines(self) -> list[str]:
        """Return it in sentences."""
        begun = sum(one.begun for one in self.open_attempts)
        found = [
            f"restored {self.backup_id}, cut {format_time(self.cut_at_ms)}"
            + (", up to an earlier point" if self.earlier else ""),
            f"{self.records} records, {self.rows} rows, {self.objects} objects in {self.took_s:.1f} s",
            f"ledger: {self.ledger.nano} nano-dollars in {self.ledger.calls} calls",
            f"{len(self.unknown_calls)} calls with an unknown outcome: settled at the estimate, unless the cost comes",
            f"{len(self.open_attempts)} attempts without an outcome are given out again; {begun} may have begun before",
            f"{self.subjects_erased} keys of erased persons were destroyed again",
        ]
        if self.runs_taken_out:
            found.append(f"{self.runs_taken_out} runs of history were beyond the end, and were taken out")
        if self.vault_of_ms is not None:
            found.append(
                f"the vault is as of {format_time(self.vault_of_ms)}: repeat erasures since then that neither this "
                "backup nor --erased has"
            )
        if self.longer_by_days:
            found.append(
                f"topics keep records {self.longer_by_days} days longer than declared; once all roles are ready: "
                "python -m deploy.backup settle"
            )
        return found


def unknown_call(started: CallStarted) -> UnknownCall:
    """Return what is reported of a call that started and was not settled."""
    return UnknownCall(
        call_id=started.call_id,
        org_id=started.org_id,
        run_id=started.run_id,
        step_id=started.step_id,
        provider=started.provider,
        model=started.model,
        held_nano=started.amount_nano,
    )


def open_attempt(one: OpenRequest) -> OpenAttempt:
    """Return what is reported of a request without an outcome."""
    request = one.request
    return OpenAttempt(
        request_id=request.request_id,
        org_id=request.org_id,
        run_id=request.run_id,
        step_id=request.step_id,
        attempt=request.attempt,
        kind=type(request.work).__name__,
        topic=one.where[0],
        begun=one.begun,
        on_unknown=request.on_unknown,
        idempotency_key=request.idempotency_key,
    )
