"""An event whose id may have been used with another body waits, as the same request over HTTP is answered with 503."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.objects.store import LocalObjects
from connectors.ports.engine import InRecord
from connectors.redis.submission_markers import Marker, Receipt
from schemas.errors import Unavailable
from services.runs.known_runs import KnownRuns
from services.runs.large_inputs import LargeInputs
from services.runs.submit import SubmissionPorts, Submissions
from streams.roles.ingress import Ingress
from tests.support.values_doors import Log, Parts


class Markers(Parts):
    """Markers of which Redis may have lost some. ``complete``: it has lost none."""

    def __init__(self, *, complete: bool, there: bool = False) -> None:
        super().__init__()
        self._complete, self._there = complete, there
        self.claimed: list[Receipt] = []

    async def complete_by_id(self) -> bool:
        return self._complete

    async def exists(self, _: str) -> bool:
        return self._there

    async def claim(self, receipts: Any) -> list[Any]:
        self.claimed += receipts
        return [Marker(one.body_hash, one) if self._there else None for one in receipts]


class NoSignals:
    """Sends nothing."""

    async def send(self, records: Any) -> None:
        assert not records


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    monkeypatch.setattr("services.runs.known_runs.SOON_LOOK_S", 0.01)
    monkeypatch.setattr("services.runs.known_runs.SOON_S", 0.02)
    return Log()


def ingress(markers: Any, log: Log, directory: Path) -> Ingress:
    ports = SubmissionPorts(
        plans=markers,
        markers=markers,
        history=markers,
        appender=log,
        large_inputs=LargeInputs(LocalObjects(directory)),
        known=KnownRuns(markers, None),  # type: ignore[arg-type]
    )
    return Ingress(Submissions(ports), NoSignals(), no_letter)  # type: ignore[arg-type]


async def no_letter(*_: object) -> None:
    raise AssertionError


def event() -> InRecord:
    data = {"workflow_name": "w", "inputs": {"v": 1}}
    said = {"specversion": "1.0", "id": "e", "source": "s", "type": "agentflow.workflow.submit", "data": data}
    headers = (("content-type", b"application/cloudevents+json"),)
    return InRecord("workflow-submissions.acme", 0, 0, 0, None, json.dumps(said).encode(), headers)


async def test_id_that_may_have_another_body_is_neither_claimed_nor_appended(log: Log, tmp_path: Path) -> None:
    markers = Markers(complete=False)
    with pytest.raises(Unavailable, match="may have been accepted with another body"):
        await ingress(markers, log, tmp_path).write([event()])
    assert (markers.claimed, log.records) == ([], [])


async def test_id_that_has_a_marker_is_a_repeat(log: Log, tmp_path: Path) -> None:
    markers = Markers(complete=False, there=True)
    await ingress(markers, log, tmp_path).write([event()])
    assert (len(markers.claimed), log.records) == (1, [])


async def test_new_id_is_appended_while_the_markers_are_complete(log: Log, tmp_path: Path) -> None:
    markers = Markers(complete=True)
    await ingress(markers, log, tmp_path).write([event()])
    assert [record.run_id for record in log.taken()] == [markers.claimed[0].run_id]
