"""What an event submits, and the sources that only AgentFlow has."""

import pytest

from schemas.api_models.runs import SubmitRun
from schemas.cloudevents.event import CloudEvent
from schemas.cloudevents.submission import read_data, refuse_own_source
from schemas.errors import BadRecord, InvalidInput
from schemas.ids import child_source, fork_source
from schemas.triggers.definition import source_of as trigger_source
from services.runs.from_schedule import source_of as schedule_source


def event(data: object, **changes: str) -> CloudEvent:
    named = {"id": "e-1", "source": "/billing", "type": "t"} | changes
    return CloudEvent(**named, data=data, attributes=named)


def test_data_is_read_by_its_model() -> None:
    assert read_data(event({"workflow_name": "greeting"}), SubmitRun).workflow_name == "greeting"


def test_faults_have_paths_and_fixes_and_no_values() -> None:
    data = {"workflow_name": "not a name!", "nonsense": "secret-value", "budget_cents": "secret-amount"}
    with pytest.raises(InvalidInput) as caught:
        read_data(event(data), SubmitRun)
    assert {one.path for one in caught.value.problems} >= {"data.workflow_name", "data.nonsense"}
    assert all(one.fix for one in caught.value.problems)
    assert "secret-value" not in str(caught.value)


@pytest.mark.parametrize("name", ["id", "source"])
def test_a_pair_has_a_longest_length(name: str) -> None:
    with pytest.raises(BadRecord, match="at most 256 characters"):
        read_data(event({"workflow_name": "greeting"}, **{name: "x" * 257}), SubmitRun)


@pytest.mark.parametrize("source", [child_source("r"), fork_source("r"), trigger_source("t"), schedule_source("s")])
def test_sources_of_our_own_submissions_are_refused(source: str) -> None:
    with pytest.raises(InvalidInput, match="which are ours"):
        refuse_own_source(source)


@pytest.mark.parametrize("source", ["api", "urn:run:1", "/trigger:x", "Run:x", "runs"])
def test_other_sources_are_the_senders(source: str) -> None:
    refuse_own_source(source)
