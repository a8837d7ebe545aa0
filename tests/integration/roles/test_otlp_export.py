"""Spans on a real log reach each target once, whatever else is down, through restarts of the role."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from bench.observability.otlp_receiver import Scripted, StrictReceiver
from connectors.kafka.log import KafkaLog
from connectors.ports.engine import OutRecord
from schemas.ids import span_id, trace_id
from schemas.records.spans import Phase, Span, TraceSpans
from streams.process.role import RoleApp
from streams.roles.sinks import otlp_export
from streams.runtime.routing import to_out
from tests.support.polling import until_async
from tests.support.role_context import role_context
from tests.support.topics import PARTITIONS
from topics.admin import TopicAdmin
from topics.catalogue import TRACE_SPANS, dlq, wanted

DEADLINE_S = 60.0
NOW_NS = 1_795_910_400 * 10**9
STEPS = 3


@pytest.fixture
def org() -> str:
    return f"org-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def receivers() -> Iterator[dict[str, StrictReceiver]]:
    """One receiver over HTTP, and one over gRPC."""
    with StrictReceiver(headers={"x-key": "secret"}) as http, StrictReceiver(grpc=True) as grpc:
        yield {"http": http, "grpc": grpc}


@pytest.fixture
async def log(kafka_bootstrap: str) -> AsyncIterator[KafkaLog]:
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create(wanted(), PARTITIONS, 1)
    async with KafkaLog(kafka_bootstrap, client_id="test") as found:
        yield found


class Role:
    """The role in this process, started again and again."""

    def __init__(self, bootstrap: str, redis_url: str, targets: Path) -> None:
        self._made = (bootstrap, redis_url, {"OTLP_TARGETS_FILE": str(targets)}, {"TARGET_KEY": "secret"})
        self._stack = AsyncExitStack()
        self.registry = CollectorRegistry()
        self.app: RoleApp

    async def start(self) -> None:
        self._stack = AsyncExitStack()
        ctx = await self._stack.enter_async_context(role_context(*self._made))
        self.registry = ctx.registry
        self.app = otlp_export.build(ctx)
        await self.app.start()

    async def stop(self) -> None:
        await self.app.stop()
        await self._stack.aclose()

    def value(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def role(
    kafka_bootstrap: str, redis_url: str, tmp_path: Path, receivers: dict[str, StrictReceiver], org: str, log: KafkaLog
) -> AsyncIterator[Role]:
    file = tmp_path / "targets.yaml"
    file.write_text(
        f"""
targets:
  - name: {org}-http
    endpoint: {receivers["http"].endpoint}
    headers: {{x-key: {{env: TARGET_KEY}}}}
    batch_spans: 40
    filter: {{organisations: [{org}]}}
  - name: {org}-grpc
    endpoint: {receivers["grpc"].endpoint}
    protocol: grpc
    timeout_ms: 2000
    filter: {{organisations: [{org}]}}
""",
        encoding="utf-8",
    )
    found = Role(kafka_bootstrap, redis_url, file)
    await found.start()
    yield found
    await found.stop()


def records_of(org: str, run: str) -> list[OutRecord]:
    """The records of a run: one for each step, with a wait, and the run's own."""
    own = {"org_id": org, "run_id": run, "trace_id": trace_id(run), "workflow_name": "research"}
    root, start = span_id(run), NOW_NS
    steps = [
        Span(
            span_id=span_id(run, f"s{n}"),
            parent_span_id=root,
            name=f"s{n}",
            start_ns=start + n,
            end_ns=start + 100,
            type="step",
            step_id=f"s{n}",
            phases=[Phase(type="queue", start_ns=start + n, end_ns=start + n + 1)],
        )
        for n in range(STEPS)
    ]
    whole = Span(span_id=root, name="research", start_ns=start, end_ns=start + 200, type="run")
    return [
        to_out(TraceSpans(record_id=f"{run}:{one.span_id}", spans=[one], **own))  # type: ignore[arg-type]
        for one in [*steps, whole]
    ]


SPANS_OF_A_RUN = 2 * STEPS + 1


async def append(log: KafkaLog, org: str, runs: range) -> None:
    await log.append([record for n in runs for record in records_of(org, f"{org}-{n}")])


async def until_spans(receiver: StrictReceiver, runs: int) -> None:
    want = runs * SPANS_OF_A_RUN
    await until_async(lambda: len(receiver.received.spans) >= want, DEADLINE_S, f"{want} spans")
    assert receiver.received.faults == receiver.received.tree_faults() == []
    assert (len(receiver.received.spans), receiver.received.doubled) == (want, 0)


async def test_each_target_gets_every_span_once_and_one_that_is_down_holds_up_no_other(
    role: Role, receivers: dict[str, StrictReceiver], log: KafkaLog, org: str
) -> None:
    receivers["grpc"].down()
    await append(log, org, range(100))
    await until_spans(receivers["http"], 100)
    assert receivers["grpc"].received.requests == 0
    lag = "agentflow_otlp_export_lag_records"
    await until_async(lambda: role.value(lag, target=f"{org}-grpc") >= 1, DEADLINE_S, "a lag")
    receivers["grpc"].up()
    await until_spans(receivers["grpc"], 100)
    await until_async(lambda: role.value(lag, target=f"{org}-grpc") == 0, DEADLINE_S, "no lag")
    sent = role.value("agentflow_otlp_export_spans_total", target=f"{org}-http", outcome="sent")
    assert sent == 100 * SPANS_OF_A_RUN


async def test_restarts_lose_no_span_and_double_none(
    role: Role, receivers: dict[str, StrictReceiver], log: KafkaLog, org: str
) -> None:
    async def produce() -> None:
        for n in range(60):
            await append(log, org, range(n * 5, n * 5 + 5))
            await asyncio.sleep(0.03)

    producing = asyncio.create_task(produce())
    for _ in range(4):
        seen = len(receivers["http"].received.spans)
        await until_async(lambda seen=seen: len(receivers["http"].received.spans) > seen, DEADLINE_S, "spans")  # type: ignore[misc]
        await role.stop()
        await role.start()
    await producing
    await until_spans(receivers["http"], 300)
    await until_spans(receivers["grpc"], 300)


async def test_a_stop_waits_for_an_answer_that_takes_seconds_so_no_span_comes_again(
    role: Role, receivers: dict[str, StrictReceiver], log: KafkaLog, org: str
) -> None:
    receivers["http"].script.append(Scripted(delay_s=2.5))
    await append(log, org, range(5))
    await until_async(lambda: receivers["http"].received.requests > 0, DEADLINE_S, "a request")
    await role.stop()
    await role.start()
    await append(log, org, range(5, 10))
    await until_spans(receivers["http"], 10)


async def test_refusals_are_dead_letters_with_the_original_bytes(
    role: Role, receivers: dict[str, StrictReceiver], log: KafkaLog, org: str
) -> None:
    receivers["http"].script.extend([Scripted(503, {"Retry-After": "0"}), Scripted(rejected=1)])
    (bad,) = records_of(org, f"{org}-bad")[-1:]
    await log.append([bad])

    async def letters() -> list[bytes | None]:
        found = []
        for partition in range(PARTITIONS):
            first, end = await log.bounds(dlq(TRACE_SPANS), partition)
            async for batch in log.read(dlq(TRACE_SPANS), partition, first, end):
                found += [record for record in batch if org.encode() in (record.value or b"")]
        return [(one.value, dict(one.headers)["af-reason"]) for one in found]  # type: ignore[misc]

    async with asyncio.timeout(DEADLINE_S):
        while not (found := await letters()):  # noqa: ASYNC110 - the log is asked
            await asyncio.sleep(0.1)
    assert found == [(bad.value, b"otlp_partial")]
    rejected = role.value("agentflow_otlp_export_spans_total", target=f"{org}-http", outcome="rejected")
    retried = role.value("agentflow_otlp_export_requests_total", target=f"{org}-http", outcome="retried")
    assert (rejected, retried) == (1, 1)
