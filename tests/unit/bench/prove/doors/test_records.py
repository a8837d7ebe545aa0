"""The lines of records: no record of ours is off its schema, and one that is off is counted."""

import random

import orjson

from bench.doors.generated import generated
from bench.prove.area import missed
from bench.prove.areas import AREAS
from bench.prove.doors.records import Checked, measure
from topics.catalogue import CATALOGUE, RUN_EVENTS, WORKFLOW_EVENTS, declared
from topics.codec import decode


def test_every_floor_holds():
    assert missed(AREAS["doors"], measure(True, print)) == []


def test_record_that_is_off_its_schema_is_counted():
    checked = Checked()
    value = next(generated(declared(RUN_EVENTS), 1, random.Random(1)))
    changed = orjson.dumps(orjson.loads(value) | {"run_id": 7})
    checked.check(RUN_EVENTS, [value, changed, orjson.dumps({"type": "run.unheard"})])
    assert checked.counts == {RUN_EVENTS: 3}
    assert len(checked.faults) == 2


def test_generated_records_have_every_type_and_are_read():
    topic = next(one for one in CATALOGUE if one.name == WORKFLOW_EVENTS)
    values = list(generated(topic, 60, random.Random(2)))
    assert {decode(f"{WORKFLOW_EVENTS}.acme", one).__struct_config__.tag for one in values} == {
        one.__struct_config__.tag for one in topic.model.__args__
    }
