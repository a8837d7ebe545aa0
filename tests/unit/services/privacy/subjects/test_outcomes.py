"""Records of attempts of runs with a data subject."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.objects.store import LocalObjects
from schemas.payload import inline
from schemas.privacy.sealed import is_sealed
from schemas.records.base import ErrorInfo, Record
from schemas.records.run_events import StepFailed, StepSucceeded, ToolUse
from schemas.records.spans import Span, TraceSpans
from services.privacy.subjects.outcomes import ERASED_MESSAGE, SEALED_MESSAGE, OutcomeSeals
from services.privacy.subjects.sealed_objects import SubjectObjects
from services.privacy.vault.memory import MemoryVault, memory_vault
from tests.support.runs import ORG, RUN

SUBJECT = "sub_" + "a" * 32
SECRET = "Larkspur Lane 9"
COMMON: dict[str, Any] = {
    "run_id": RUN,
    "org_id": ORG,
    "step_id": "a",
    "attempt": 1,
    "started_at_ms": 1,
    "finished_at_ms": 2,
    "cost_nano": 17,
    "call_ids": ["c1"],
}


class Frozen:
    """A clock for code that waits for nothing here."""

    def now_ms(self) -> int:
        return 0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"it waits for {seconds} s")


@pytest.fixture
def vault() -> MemoryVault:
    return memory_vault()


@pytest.fixture
def objects(tmp_path: Path, vault: MemoryVault) -> SubjectObjects:
    return SubjectObjects(LocalObjects(tmp_path), vault.keys)


@pytest.fixture
def seals(objects: SubjectObjects, vault: MemoryVault) -> OutcomeSeals:
    return OutcomeSeals(objects, vault.keys, Frozen())


def in_clear(records: list[Record]) -> bool:
    return any(b"Larkspur" in msgspec.json.encode(record) for record in records)


async def test_arguments_of_tools_and_plain_outputs_are_sealed(seals: OutcomeSeals, objects: SubjectObjects) -> None:
    use = ToolUse(id="t1", name="search", args={"where": SECRET})
    bad = ToolUse(id="t2", name="search", problem=f"the arguments cannot be used: {SECRET}")
    record = StepSucceeded(output=inline({"said": SECRET}), tool_calls=[use, bad], **COMMON)
    (found,) = await seals.sealed(ORG, SUBJECT, [record])
    assert isinstance(found, StepSucceeded)
    assert not in_clear([found])
    assert is_sealed(found.output)
    assert await objects.resolve(ORG, found.output) == {"said": SECRET}
    assert (found.tool_calls[0].name, found.tool_calls[0].args) == ("search", {})
    assert found.tool_calls[0].sealed is not None
    assert await objects.resolve(ORG, found.tool_calls[0].sealed) == {"where": SECRET}


async def test_the_words_of_an_error_are_sealed_and_its_code_is_not(
    seals: OutcomeSeals, objects: SubjectObjects
) -> None:
    error = ErrorInfo(code="exception", message=f"ValueError: {SECRET}", details={"at": SECRET}, retryable=True)
    (found,) = await seals.sealed(ORG, SUBJECT, [StepFailed(error=error, **COMMON)])
    assert isinstance(found, StepFailed)
    assert not in_clear([found])
    assert (found.error.code, found.error.message, found.error.retryable) == ("exception", SEALED_MESSAGE, True)
    assert found.error.sealed is not None
    assert (await objects.resolve(ORG, found.error.sealed))["details"] == {"at": SECRET}


async def test_hashes_are_keyed_and_words_of_spans_are_dropped(seals: OutcomeSeals) -> None:
    span = Span(
        span_id="0" * 16, name="n", start_ns=0, end_ns=1, type="attempt", status_message=SECRET,
        input_hash="b" * 64, output_hash="b" * 64,
    )  # fmt: skip
    spans = TraceSpans(record_id="r", trace_id="t", org_id=ORG, run_id=RUN, spans=[span])
    (one,), (other,) = await seals.sealed(ORG, SUBJECT, [spans]), await seals.sealed(ORG, "sub_" + "b" * 32, [spans])
    assert isinstance(one, TraceSpans)
    assert isinstance(other, TraceSpans)
    assert one.spans[0].status_message == ""
    assert one.spans[0].input_hash == one.spans[0].output_hash
    assert len({"b" * 64, one.spans[0].input_hash, other.spans[0].input_hash}) == 3


async def test_an_outcome_after_the_erasure_is_a_final_failure_that_still_costs(
    seals: OutcomeSeals, vault: MemoryVault
) -> None:
    await vault.keys.erase(ORG, SUBJECT)
    record = StepSucceeded(output=inline(SECRET), **COMMON)
    (found,) = await seals.sealed(ORG, SUBJECT, [record])
    assert isinstance(found, StepFailed)
    assert (found.error.code, found.error.message, found.error.retryable) == ("subject_erased", ERASED_MESSAGE, False)
    assert (found.cost_nano, found.call_ids) == (17, ["c1"])
    assert not in_clear([found])
