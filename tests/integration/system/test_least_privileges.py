"""The whole system, each role a process of its own with its own users of Kafka, PostgreSQL and Redis."""

import asyncio
import io
import re
from collections.abc import Iterator

import httpx
import pytest
from rich.console import Console

from deploy.local.samples.evaluation import run_evaluation
from deploy.local.samples.privacy import run_privacy
from deploy.local.samples.rollout import prepare_rollout, run_rollout
from deploy.local.samples.runs import run_sample
from deploy.local.system import ORG, PARTITIONS
from tests.support.checker import Checker
from tests.support.client import document, register_examples, submission, submit, wait_for_run
from tests.support.least import EACH, LeastSystem

pytestmark = pytest.mark.exhaustive
DEADLINE_S = 120.0
_REFUSED = re.compile(
    r"permission denied|no permissions|NOPERM|can't access|is not allowed|not authorized|Authorization"
)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LeastSystem]:
    with LeastSystem(tmp_path_factory.mktemp("least"), durable=False, layout=EACH, tls=True) as running:
        yield running


def test_runs_end_and_every_store_has_them(system: LeastSystem) -> None:
    wanted = submission("map_reduce_analysis", {"text": document("declaration-of-independence.txt")})
    with system.client() as client:
        client.timeout = httpx.Timeout(DEADLINE_S)  # a process for each role keeps a small machine busy
        register_examples(client)
        runs = [submit(client, wanted) for _ in range(3)]
        ended = [wait_for_run(client, run, DEADLINE_S) for run in runs]
    assert [run["status"] for run in ended] == ["succeeded"] * 3
    report = asyncio.run(Checker(system.endpoints, PARTITIONS, ORG, set(runs)).settled(DEADLINE_S))
    assert report.problems == []


def test_samples_of_the_demo_succeed(system: LeastSystem) -> None:
    """Every type of node, an evaluation, a rollout and redaction."""
    at, quiet = (system.api_url, system.api_key), Console(file=io.StringIO())
    asyncio.run(prepare_rollout(*at))
    asyncio.run(run_sample(*at, quiet))
    asyncio.run(run_evaluation(*at, quiet))
    asyncio.run(run_rollout(*at, quiet))
    asyncio.run(run_privacy(*at, quiet))


async def test_nobody_was_refused_anything(system: LeastSystem) -> None:
    assert await system.refusals_of_redis() == []
    for log in sorted((system.data_dir / "logs").glob("*.log")):
        lines = [line for line in log.read_text().splitlines() if _REFUSED.search(line)]
        assert lines == [], log.name
