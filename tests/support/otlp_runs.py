"""A run that does everything a run can do, and the ids of the spans that its log has."""

import asyncio

import httpx

from connectors.kafka.log import KafkaLog
from deploy.local.system import PARTITIONS, System
from services.observability.traces.tree import phase_spans
from tests.support.client import define_prompt, define_workflow, llm, merger
from topics.catalogue import TRACE_SPANS
from topics.codec import decode

TURNS = 'Fetch it.\n\n@tool s3.fetch {"key": "gettysburg.txt"}\n\nIt is a short report.'
#: Inputs of the workflow.
WORDS = {"words": ["one", "two", "three"]}


def define_everything(client: httpx.Client) -> str:
    """Register a workflow with a call, a map, an agent, a child run, a retried failure and a compensation."""
    ask = define_prompt(client, "Say something about {{word}}")
    inner = define_workflow(client, llm("ask", ask, model="local-echo", inputs={"word": "children"}))
    retried = {"retries": {"max_attempts": 2, "initial_ms": 10, "retry_on": ["forbidden_host"]}}
    forbidden = {"tool_name": "http.request", "inputs": {"url": "http://forbidden.invalid/"}}
    turns = {"prompt_ref": define_prompt(client, TURNS), "tools": ["s3.fetch"], "model": "local-echo"}
    return define_workflow(
        client,
        llm("ask", ask, model="local-echo", inputs={"word": "money"}),
        llm("each", ask, model="local-echo", parallel=True, items="{{words}}", inputs={"word": "{{item}}"}),
        {"id": "assistant", "type": "agent", "config": turns},
        {"id": "child", "type": "workflow", "config": {"workflow": inner}},
        {"id": "broken", "type": "tool", "config": forbidden, "policy": retried},
        merger("undo", inputs={"found": "ask.output"}),
        edges="ask>each each>assistant assistant>child child>broken",
        on_failure=["undo"],
    )


def logged(system: System, run_ids: set[str]) -> set[tuple[str, str]]:
    """Return the trace and span ids of runs in the log, with those of the waits inside of them."""

    async def read() -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        async with KafkaLog(system.endpoints.kafka_bootstrap) as log:
            for partition in range(PARTITIONS):
                async for batch in log.read(TRACE_SPANS, partition, *(await log.bounds(TRACE_SPANS, partition))):
                    for record in (decode(TRACE_SPANS, one.value) for one in batch):
                        if record.run_id in run_ids:
                            spans = [one for span in record.spans for one in (span, *phase_spans(span))]
                            found |= {(record.trace_id, one.span_id) for one in spans}
        return found

    return asyncio.run(read())
