"""A run with all that runs do, out to Arize Phoenix: every span once, one tree a trace, the ledger's money."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from bench.phoenix.server import PHOENIX, START_S, Phoenix
from deploy.local.system import System
from schemas.ids import child_run_id, trace_id
from tests.support.client import get_run, submission, submit, wait_for_run
from tests.support.otlp_runs import WORDS, define_everything, logged
from tests.support.polling import until

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.timeout(START_S + 240),
    pytest.mark.skipif(
        not PHOENIX.is_installed,
        reason="NOT CHECKED: no span went to Arize Phoenix; install it with `make phoenix` (0.9 GB)",
    ),
]
DEADLINE_S = 90.0
NANO = 10**9
PROJECT = "agents"
#: What Phoenix says of a span whose kind it was not given, or does not know.
NO_KIND = {"", "UNKNOWN", None}


@pytest.fixture(scope="module")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phoenix]:
    with Phoenix(tmp_path_factory.mktemp("phoenix")) as serving:
        yield serving


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, phoenix: Phoenix) -> Iterator[System]:
    targets: Path = tmp_path_factory.mktemp("targets") / "targets.yaml"
    resource = {"openinference.project.name": PROJECT}
    target = {"name": "phoenix", "endpoint": phoenix.endpoint, "resource": resource}
    targets.write_text(yaml.safe_dump({"targets": [target]}), "utf-8")
    env = {"OTLP_TARGETS_FILE": str(targets)}
    with System(tmp_path_factory.mktemp("system"), durable=False, env=env) as started:
        yield started


def test_phoenix_shows_a_run_as_one_tree_with_the_money_of_the_ledger(
    system: System, client: httpx.Client, phoenix: Phoenix
) -> None:
    run = wait_for_run(client, submit(client, submission(define_everything(client), WORDS)))
    child = child_run_id(run["id"], "child", 1)
    assert run["status"] == "failed", run
    until(lambda: not (get_run(client, run["id"]) or {}).get("compensating"), DEADLINE_S, "it is compensated")

    def whole() -> list[dict[str, Any]] | None:
        spans, ids = phoenix.spans(PROJECT), logged(system, {run["id"], child})
        has_end = any(said(span, "agentflow.type") == "run" for span in spans)
        return spans if has_end and ids and ids <= {key_of(span) for span in spans} else None

    spans = until(whole, DEADLINE_S, "every span is in Phoenix")
    assert [key for key, times in Counter(map(key_of, spans)).items() if times > 1] == []
    assert {key_of(span) for span in spans} == logged(system, {run["id"], child}), "nothing that the log has not"
    assert [span["name"] for span in spans if span["span_kind"] in NO_KIND] == []
    assert {"CHAIN", "AGENT", "LLM", "TOOL"} <= {span["span_kind"] for span in spans}
    for one in (run, get_run(client, child)):
        assert one is not None
        own = [span for span in spans if span["context"]["trace_id"] == trace_id(one["id"])]
        assert len(roots(own)) == 1, "one tree"
        assert orphans(own) == []
        assert total(own, "agentflow.cost.nano_usd") == int(Decimal(one["cost_usd"]) * NANO) > 0
        assert total(own, "gen_ai.usage.input_tokens") == one["tokens"]["input"] > 0
        assert total(own, "gen_ai.usage.output_tokens") == one["tokens"]["output"]


def key_of(span: dict[str, Any]) -> tuple[str, str]:
    return span["context"]["trace_id"], span["context"]["span_id"]


def said(span: dict[str, Any], name: str) -> Any:
    """An attribute of a span, whether Phoenix gives attributes flat or nested."""
    found: Any = span["attributes"]
    if name in found:
        return found[name]
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def total(spans: list[dict[str, Any]], name: str) -> int:
    return sum(int(said(span, name) or 0) for span in spans)


def roots(spans: list[dict[str, Any]]) -> list[str]:
    return [span["name"] for span in spans if not span["parent_id"]]


def orphans(spans: list[dict[str, Any]]) -> list[str]:
    ids = {span["context"]["span_id"] for span in spans}
    return [span["name"] for span in spans if span["parent_id"] and span["parent_id"] not in ids]
