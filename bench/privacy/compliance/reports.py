"""How long a report takes: a log in a PostgreSQL of its own, the service that makes the report, and the verifier."""

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.privacy.compliance.logs import AT_MS, KEY, activated, decided, event
from connectors.ports.engine import InRecord
from connectors.postgres.audit.reading import AuditReads
from connectors.postgres.audit.writing import AuditWrites
from connectors.postgres.database import Database
from deploy.local.engines.progress import Progress
from deploy.local.engines.stack import EngineName, EngineStack
from deploy.migrate import up
from schemas.compliance.page import page_of, report_in
from schemas.compliance.report import Report, verify_report
from schemas.compliance.statements import Period
from schemas.records.definitions import AuditEvent
from services.security.compliance.reporting import MARGIN_MS, Reports
from streams.roles.audit import AuditSink, open_record
from streams.runtime.routing import to_out

ORG = "acme"
ONLY: tuple[EngineName, ...] = ("postgres",)
BATCH = 5_000
#: Entries of before the period.
BEFORE = 1_000


@dataclass(frozen=True, slots=True)
class Timed:
    """What a report takes; bytes of it; what is wrong with it.

    Seconds of CPU of this process to make it and to verify its page, and of the clock to make it. The clock has the
    database in it, and whatever else the machine does.
    """

    made_s: float
    made_clock_s: float
    page_s: float
    size: int
    entries: int
    wrong: list[str]


def timed(events: int, progress: Progress) -> Timed:
    """Return what a report of so many entries takes, with engines."""
    with tempfile.TemporaryDirectory() as home, EngineStack(Path(home), ONLY, durable=False) as engines:
        report, made_s, clock_s = asyncio.run(_made(engines.postgres_dsn, events, progress))
    began = time.process_time()
    shown, findings = verify_report(report, [KEY.public])
    verified_s = time.process_time() - began
    page = page_of(report)
    began = time.process_time()
    again = report_in(page)
    same = page_of(again) == page
    wrong = [one.message for one in findings] + ([] if same else ["the page is not what its report gives"])
    entries = 0 if shown is None else len(shown.found.entries)
    return Timed(made_s, clock_s, time.process_time() - began + verified_s, len(page), entries, wrong)


async def _made(dsn: str, events: int, progress: Progress) -> tuple[Report, float, float]:
    await up(dsn)
    database = Database(dsn, timeout_s=60)
    try:
        sink = AuditSink(AuditWrites(database, KEY.public.text), KEY, _sent, lambda _effect, _count: None)
        period = Period(AT_MS, AT_MS + events)
        await _write(sink, [activated(0, at_ms=AT_MS - 2 * MARGIN_MS), *map(_earlier, range(1, BEFORE))])
        progress(f"compliance: a log of {events:,} entries is written")
        for start in range(0, events, BATCH):
            await _write(sink, [_event(n) for n in range(start, min(events, start + BATCH))])

        async def append(one: AuditEvent) -> None:
            await _write(sink, [one])

        reports = Reports(AuditReads(database), append, lambda: period.to_ms + 10 * MARGIN_MS)
        began, clock = time.process_time(), time.perf_counter()
        report = await reports.make(ORG, "key:bench", period)
        return report, time.process_time() - began, time.perf_counter() - clock
    finally:
        await database.close()


async def _sent(_records: object) -> None:
    """Nobody reads checkpoints here."""


async def _write(sink: AuditSink, events: list[AuditEvent]) -> None:
    outs = [to_out(one) for one in events]
    read = [InRecord(out.topic, 0, 0, one.at_ms, out.key, out.value) for out, one in zip(outs, events, strict=True)]
    await sink.write([(record, open_record(record)) for record in read])


def _earlier(number: int) -> AuditEvent:
    return event(number, event_id=f"b{number}", at_ms=AT_MS - 2 * MARGIN_MS + number)


def _event(number: int) -> AuditEvent:
    """Return entry ``number`` of the period: of ten, eight are decisions of workers."""
    at_ms = AT_MS + number
    kind = number % 10
    if kind == 8:
        return event(number, event_id=f"a{number}", at_ms=at_ms, action="rotate_key", subject=f"keys/{number % 50}")
    if kind == 9:
        denied = {"kind": "denial", "action": "requests.denied", "decision": "denied"}
        return event(number, event_id=f"d{number}", at_ms=at_ms, **denied)
    rule = ("compliance/residency.pii", "default/recipient", "mine/one")[number % 3]
    verdict = ("deny", "ask", "redact")[number % 3]
    run = {"run_id": f"{number:036x}", "step_id": "ask", "attempt": 1}
    return decided(number, rule, verdict, event_id=f"decisions:{number:036x}", at_ms=at_ms, subject=f"p{kind}/m", **run)
