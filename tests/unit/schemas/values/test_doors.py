"""Every door takes the same values, unchanged, and refuses the same: one corpus goes through all of them."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.tools.http.response import Answer
from connectors.tools.isolation.process_wire import outcome, result_frame
from schemas.errors import InvalidSpec, Rejected, StepError, Undecodable
from schemas.prompts.answers import read_answer
from schemas.spec.text.read import read_document
from schemas.values.json_text import read_json, write_json
from tests.support.values_corpus import GENERATED, REFUSED, Sample, corpus, expected, same
from tests.support.values_doors import Doors, outcome_of_a_foreign_worker
from topics.dead_letters.letter import DeadLetter, Position, check_value

_ASTRAL = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}")
#: Events go through ingress in polls.
POLL = 500


@pytest.fixture
def doors(tmp_path: Path) -> Doors:
    return Doors(tmp_path)


def check(door: str, sample: Sample, found: Any) -> None:
    shown = f"{door}: {sample.text[:200]!r} became {'REFUSED' if found is REFUSED else found!r:.200}"
    assert found is REFUSED if sample.value is REFUSED else same(found, sample.value), shown


def raw(sample: Sample) -> bytes:
    return sample.text.encode("utf-8", "surrogatepass")


def as_python(sample: Sample) -> Any:
    """What a careless tool makes of a text: NaN, integers of any length and half surrogate pairs stay."""
    try:
        return json.loads(sample.text)
    except (ValueError, RecursionError):
        return ...


def tried(call: Any, *errors: type[Exception]) -> Any:
    try:
        return call()
    except errors:
        return REFUSED


def test_the_corpus_has_all_kinds() -> None:
    samples = corpus()
    refused = sum(not sample.is_good for sample in samples)
    assert len(samples) > GENERATED
    assert 0.1 < refused / len(samples) < 0.4


async def test_bodies_of_submissions(doors: Doors) -> None:
    for sample in corpus():
        check("POST /runs", sample, await doors.submission(raw(sample)))


async def test_bodies_of_signals(doors: Doors) -> None:
    for sample in corpus():
        check("POST /signals", sample, await doors.signal(raw(sample)))


async def test_bodies_of_schedules(doors: Doors) -> None:
    for sample in corpus():
        check("POST /schedules", sample, await doors.schedule(raw(sample)))


@pytest.mark.parametrize("mode", ["structured", "binary", "base64", "signal"])
async def test_cloud_events(doors: Doors, mode: str) -> None:
    samples = corpus()
    for first in range(0, len(samples), POLL):
        some = samples[first : first + POLL]
        for sample, found in zip(some, await doors.events([raw(one) for one in some], mode), strict=True):
            check(f"CloudEvent, {mode}", sample, found)


async def test_outputs_of_functions(doors: Doors) -> None:
    for sample, value in values():
        check("output", sample, await doors.output(value))


def test_outputs_of_processes() -> None:
    for sample, value in values():
        check("process", sample, tried(lambda value=value: outcome(result_frame(value)[4:]), StepError))


def test_outcomes_of_workers_in_other_languages() -> None:
    for sample in corpus():
        found = tried(lambda one=sample: outcome_of_a_foreign_worker(raw(one)), Undecodable)
        check("outcome", sample, found)


def test_documents_in_json() -> None:
    for sample in corpus():
        text = f'{{"v": {sample.text}}}'
        # Text that is not JSON may still be YAML, which has texts without quotes.
        if sample.is_good or as_python(sample) is not ...:
            check("JSON document", sample, tried(lambda text=text: read_document(text)["v"], InvalidSpec))


def test_documents_in_yaml() -> None:
    for sample in corpus()[::5]:
        if sample.is_good:
            text = _ASTRAL.sub(lambda pair: json.loads(f'"{pair[0]}"'), json.dumps(sample.value))
            check("YAML document", sample, read_document(f"v: {text}")["v"])


def test_answers_of_models() -> None:
    for sample in corpus():
        found = read_answer(sample.text)
        if sample.text[:1] in "{[" and sample.is_good:
            check("answer", sample, found)
        else:
            assert found == sample.text


def test_dead_letters_that_are_retried() -> None:
    for sample in corpus():
        letter = DeadLetter(Position("workflow-submissions.dlq", 0, 1), 1, None, raw(sample), ())
        refused = tried(lambda letter=letter: check_value(letter, "workflow-submissions.acme"), Rejected)
        assert (refused is REFUSED) == (not sample.is_good), sample.text


def test_answers_of_other_systems() -> None:
    for sample in corpus():
        shown = Answer(200, {"content-type": "application/json"}, raw(sample), "http://x").shown()
        assert (shown["encoding"] == "json") == sample.is_good, sample.text
        write_json(shown)


def test_what_was_written_is_read_again() -> None:
    for sample in corpus():
        if sample.is_good:
            check("written", sample, read_json(write_json(sample.value)))


@pytest.mark.parametrize("text", ["[1]", '{"a": "\\u0000"}', "NaN", '{"a":1,"a":2}'])
def test_the_second_reading_is_the_one_of_the_gate(text: str) -> None:
    found = tried(lambda: read_json(text.encode()), Undecodable)
    assert same(found, expected(text)) or found is expected(text)


def values() -> Iterator[tuple[Sample, Any]]:
    """Yield what Python values can express of the corpus: no key that occurs twice."""
    for sample in corpus():
        value = as_python(sample)
        if value is not ... and (sample.is_good or not same(value, plain(sample.text))):
            yield sample, value


def plain(text: str) -> Any:
    """Return a text's value if only its equal keys are wrong, else nothing that equals it."""
    value = json.loads(text)
    return value if expected(json.dumps(value)) is not REFUSED else math.nan
