"""A run's spans in Arize Phoenix, another program's reader of OTLP: every span once, none of an unknown kind.

Phoenix is installed from PyPI into a virtual environment of its own, which is kept for the next time; where it cannot
be, the test is skipped and says why. Some hundred megabytes, so only `make test-all` does it.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.http.clients import blocking_local_client
from connectors.otlp.senders import sender_of
from connectors.otlp.targets import Target
from schemas.ids import span_id, trace_id
from schemas.records.spans import Phase, Span, TraceSpans
from services.observability.otlp.outgoing.requests import request_of
from tests.support.polling import until

PHOENIX = "arize-phoenix==20.26.1"
PROJECT = "agentflow-test"
INSTALL_S, START_S, SEEN_S = 1_200.0, 180.0, 60.0
RUN = "run-for-phoenix"
#: What Phoenix should call each type.
KINDS = {
    "run": "CHAIN",
    "step": "CHAIN",
    "agent": "AGENT",
    "llm_call": "LLM",
    "tool_call": "TOOL",
    "guard": "GUARDRAIL",
}

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(INSTALL_S + START_S + SEEN_S + 60)]


@pytest.fixture(scope="module")
def program() -> Path:
    """The installed program."""
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    home = base / "agentflow-tests" / PHOENIX.replace("==", "-")
    found = home / "bin" / "phoenix"
    if not found.exists():
        try:
            subprocess.run(
                [sys.executable, "-m", "venv", "--clear", home], check=True, capture_output=True, timeout=120
            )
            install = [home / "bin" / "pip", "install", "--quiet", PHOENIX]
            subprocess.run(install, check=True, capture_output=True, text=True, timeout=INSTALL_S)
        except (subprocess.SubprocessError, OSError) as exc:
            said = getattr(exc, "stderr", "") or exc
            pytest.skip(f"NOT TESTED AGAINST PHOENIX: {PHOENIX} cannot be installed: {str(said)[-500:]}")
    return found


@pytest.fixture(scope="module")
def phoenix(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running Phoenix that calls nobody, by its URL."""
    home = tmp_path_factory.mktemp("phoenix")
    http, grpc = _free_port(), _free_port()
    env = {
        **os.environ,
        "PHOENIX_WORKING_DIR": str(home),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(http),
        "PHOENIX_GRPC_PORT": str(grpc),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
        "PYTHONPATH": "",
    }
    url = f"http://127.0.0.1:{http}"
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve"], env=env, stdout=log, stderr=log)
        try:
            until(lambda: process.poll() is not None or _answers(url), START_S, "Phoenix serves")
            assert process.poll() is None, (home / "log").read_text()[-2_000:]
            yield url
        finally:
            process.terminate()
            process.wait(30)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with blocking_local_client(url, {}, timeout_s=2) as client:
            return client.get("/healthz").is_success
    except httpx.HTTPError:
        return False


def run_of_everything() -> list[TraceSpans]:
    """The records of a run: steps with an agent, a call with its waits, a tool and a guard; and the run's own."""
    start = time.time_ns() - 10**9

    def span(type_: Any, step: str, parent: str | None, **fields: Any) -> Span:
        times = {"start_ns": start, "end_ns": start + 10**8}
        above = None if parent is None else span_id(RUN, parent)
        return Span(
            span_id=span_id(RUN, step), parent_span_id=above, name=step or "run", type=type_, **(times | fields)
        )

    call = {"provider": "openai", "model": "gpt-4o", "input_tokens": 1000, "output_tokens": 200, "kind": "client"}
    waits = [Phase(type="quota", start_ns=start, end_ns=start + 10**7)]
    steps = [
        span("step", "ask", ""),
        span("llm_call", "ask/call", "ask", cost_nano=4_500_000, phases=waits, **call),
        span("guard", "ask/guard", "ask"),
        span("agent", "assistant", "", attributes={"agentflow.agent.name": "assistant"}),
        span("tool_call", "assistant/tool", "assistant", attributes={"agentflow.tool.name": "search"}, status="error"),
    ]
    own = {"org_id": "acme", "run_id": RUN, "trace_id": trace_id(RUN), "workflow_name": "research"}
    return [
        TraceSpans(record_id="steps", spans=steps, **own),  # type: ignore[arg-type]
        TraceSpans(record_id="run", spans=[span("run", "", None)], **own),  # type: ignore[arg-type]
    ]


async def test_phoenix_shows_every_span_once_with_its_kind_and_tokens(phoenix: str) -> None:
    records = run_of_everything()
    target = Target(name="phoenix", endpoint=phoenix, resource={"openinference.project.name": PROJECT})
    sender = sender_of(target, {})
    for _ in range(2):  # a repeat, as after a crash
        for record in records:
            assert (await sender.send(request_of([record], target.resource))).rejected_spans == 0
    await sender.close()
    sent = {span.span_id: span for record in records for span in record.spans}

    def shown() -> list[dict[str, Any]] | None:
        with blocking_local_client(phoenix, {}, timeout_s=10) as client:
            answer = client.get(f"/v1/projects/{PROJECT}/spans", params={"limit": 100})
        found = answer.json()["data"] if answer.is_success else []
        return found if len(found) >= len(sent) + 1 else None

    found = until(shown, SEEN_S, "Phoenix shows the spans")
    ids = [one["context"]["span_id"] for one in found]
    assert len(ids) == len(set(ids)) == len(sent) + 1, "each span once, with the wait for the quota"
    by_id = {one["context"]["span_id"]: one for one in found}
    assert sent.keys() <= by_id.keys()
    assert {by_id[key]["span_kind"] for key in by_id} <= {*KINDS.values()}
    for key, span in sent.items():
        assert by_id[key]["span_kind"] == KINDS[span.type], span.name
        assert (by_id[key]["parent_id"] or None) == span.parent_span_id
    assert [one["name"] for one in found if not one["parent_id"]] == ["invoke_workflow research"]
    call = by_id[span_id(RUN, "ask/call")]["attributes"]
    assert (call["llm.token_count.prompt"], call["llm.token_count.completion"]) == (1000, 200)
    assert call["agentflow.cost.nano_usd"] == 4_500_000
