"""The schemas that are served: real records follow them, and records that readers refuse do not."""

from collections import Counter
from collections.abc import Iterator

import jsonschema_rs
import orjson
import pytest

from schemas.errors import Undecodable
from streams.core.commands import Emit
from streams.core.memory import MemoryState
from streams.core.runs.fold import RunFold
from streams.runtime.routing import to_out
from tests.histories.history import FOLDER, read
from topics.catalogue import CATALOGUE, RUN_EVENTS, SUBMISSIONS, declared
from topics.codec import decode
from topics.json_schemas import REF, components, document, names_of, variants


def recorded() -> Iterator[tuple[str, bytes]]:
    """The records of real runs, and what the fold made of them."""
    for path in sorted(FOLDER.glob("*.jsonl")):
        history = read(path)
        rules, state = RunFold(chain_steps=history.chain_steps), MemoryState()
        for offset, (at_ms, text) in enumerate(history.records):
            yield RUN_EVENTS, text.encode()
            record = decode(RUN_EVENTS, text.encode())
            for command in rules.fold(state, record, at_ms, offset):
                if isinstance(command, Emit):
                    out = to_out(command.record)
                    yield out.topic, out.value or b""


def validator(topic: str) -> jsonschema_rs.Validator:
    names = names_of(declared(topic).name, declared(topic).model).values()
    return jsonschema_rs.validator_for({"anyOf": [document(name) for name in names]})


def test_every_record_of_the_golden_histories_follows_its_schema() -> None:
    checks: dict[tuple[str, str], jsonschema_rs.Validator] = {}
    counts: Counter[str] = Counter()
    for topic, value in recorded():
        record = orjson.loads(value)
        names = names_of(declared(topic).name, declared(topic).model)
        kind = record.get("type", next(iter(names)))
        if (topic, kind) not in checks:
            checks[topic, kind] = jsonschema_rs.validator_for(document(names[kind]))
        faults = [f"{fault.instance_path}: {fault.message}" for fault in checks[topic, kind].iter_errors(record)]
        assert faults == [], (topic, value[:300])
        counts[declared(topic).name] += 1
    assert counts[RUN_EVENTS] > 300
    assert counts["run-views"] > 100
    assert counts["step-requests.silver"] > 100


@pytest.mark.parametrize(
    "value",
    [
        b'{"type":"step.succeeded","v":"1.0","run_id":"r"}',
        b'{"type":"run.submited","v":"1.0"}',
        b'{"type":"cancel.requested","v":"1.0","run_id":7,"org_id":"o"}',
        b"[]",
    ],
)
def test_what_readers_refuse_follows_no_schema(value: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(RUN_EVENTS, value)
    assert not validator(RUN_EVENTS).is_valid(orjson.loads(value))


def test_submissions_are_cloud_events_with_the_body_of_the_api() -> None:
    check = validator(f"{SUBMISSIONS}.acme")
    event = {
        "specversion": "1.0",
        "id": "order-7",
        "source": "shop",
        "type": "agentflow.workflow.submit",
        "data": {"workflow_name": "greet", "inputs": {"name": "Ada"}},
    }
    assert check.is_valid(event)
    assert not check.is_valid(event | {"data": {"inputs": {}}})
    assert not check.is_valid(event | {"type": "other"})
    assert not check.is_valid({k: v for k, v in event.items() if k != "source"})


def test_each_record_type_has_a_document_that_stands_alone() -> None:
    for topic in CATALOGUE:
        for model in variants(topic.model) if topic.model is not None else ():
            assert model.__name__ in components()
    for name in components():
        text = orjson.dumps(document(name)).decode()
        assert REF not in text
        jsonschema_rs.validator_for(document(name))


def test_an_unknown_schema_has_no_document() -> None:
    with pytest.raises(KeyError):
        document("Unknown")
