"""The whole system, each role a process of its own with its own users of Kafka, PostgreSQL and Redis."""

import asyncio
import io
import re
from collections.abc import Iterator

import pytest
from rich.console import Console

from deploy.local.samples.evaluation import run_evaluation
from deploy.local.samples.privacy import run_privacy
from deploy.local.samples.rollout import prepare_rollout, run_rollout
from deploy.local.samples.runs import run_sample
from tests.support.client import register_examples
from tests.support.example_runs import end_of_example_runs
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
    with system.client() as client:
        register_examples(client)
    report = end_of_example_runs(system, DEADLINE_S, request_s=DEADLINE_S)
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
