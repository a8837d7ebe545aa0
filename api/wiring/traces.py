"""Traces of runs and of other programs, comparisons of runs, and causes of failures."""

from api.http.concurrency_limit import Bound
from api.services import DefinitionServices, OtlpServices, RunServices, TraceServices
from api.wiring.base import Base
from connectors.clickhouse.cost_sums import CostSums
from connectors.clickhouse.run_spans import RunSpans
from connectors.clickhouse.trace_groups import TraceGroups
from connectors.clickhouse.trace_query import TraceQueries
from connectors.clickhouse.traces import Traces
from connectors.postgres.history.run_facts import RunFactsReader
from connectors.postgres.history.trace_runs import TraceRuns
from schemas.clock import now_ms
from services.observability.causes import Causes
from services.observability.comparisons import Comparisons
from services.observability.otlp.incoming.receiver import ReceiverPorts, TraceReceiver
from services.observability.recordings import Recordings
from services.observability.traces.reading import TraceReader

#: Each may have some tens of MB while it is read.
MAX_OTLP_REQUESTS = 16


def traces_of(base: Base, definitions: DefinitionServices, runs: RunServices) -> TraceServices:
    """Return traces, and what is found in them."""
    clickhouse = base.clients.clickhouse
    traces, facts = Traces(clickhouse), RunFactsReader(base.clients.database)
    recordings = Recordings(traces, RunSpans(clickhouse), runs.history, facts, definitions.plans, runs.known)
    return TraceServices(
        reader=TraceReader(traces, runs.history, runs.definitions, runs.markers, runs.known),
        traces=traces,
        queries=TraceQueries(clickhouse),
        groups=TraceGroups(clickhouse),
        comparisons=Comparisons(recordings, runs.history, CostSums(clickhouse)),
        causes=Causes(recordings, runs.history),
    )


def otlp_of(base: Base, definitions: DefinitionServices) -> OtlpServices:
    """Return what receives spans of other programs."""
    ports = ReceiverPorts(
        runs=TraceRuns(base.clients.database),
        prices=definitions.organisation_prices,
        provider_of=lambda model: definitions.models.provider_of(model) or "",
        appender=base.appender,
        capture=base.settings.security.capture,
        now_ms=now_ms,
    )
    return OtlpServices(receiver=TraceReceiver(ports), bound=Bound("requests of OTLP", MAX_OTLP_REQUESTS))
