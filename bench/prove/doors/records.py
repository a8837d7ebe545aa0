"""Lines of records and their schemas: those of golden histories and random ones that our readers take, by topic."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import jsonschema_rs
import orjson

from bench.doors.generated import generated
from bench.doors.poison import mixed
from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most, line_of
from deploy.local.engines.progress import Progress
from topics.catalogue import CATALOGUE, SUBMISSIONS, Topic, declared
from topics.json_schemas import document, names_of

MOST_FAULTS = 5

EACH, QUICK_EACH = 1_000, 100


@dataclass
class Checked:
    """How many records of each topic were checked, and those that their schema refuses."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    _validators: dict[tuple[str, str], jsonschema_rs.Validator | None] = field(default_factory=dict)

    def check(self, topic: str, values: Iterable[bytes]) -> None:
        """Check records of a topic, which is named as it is on the broker."""
        family = declared(topic)
        names = names_of(family.name, family.model)
        for value in values:
            record = orjson.loads(value)
            kind = record.get("type", next(iter(names)))
            self.counts[family.name] += 1
            validator = self._validator(family.name, kind, names.get(kind))
            if validator is None:
                self.faults.append(f"{family.name}: no schema of {kind!r}")
            elif fault := next(validator.iter_errors(record), None):
                self.faults.append(f"{family.name} {kind}: {fault.instance_path}: {fault.message[:200]}")

    def _validator(self, topic: str, kind: str, name: str | None) -> jsonschema_rs.Validator | None:
        key = topic, kind
        if key not in self._validators:
            self._validators[key] = None if name is None else jsonschema_rs.validator_for(document(name))
        return self._validators[key]


AIMS = (
    Aim("records_off_schema", "records", at_most(0), at_most(0)),
    Aim("topics_with_1000_records", "topics", at_least(18), at_least(18)),
)


def measure(quick: bool, _progress: Progress) -> Sequence[Line]:
    """Return the lines; without engines, in seconds."""
    each, checked = QUICK_EACH if quick else EACH, Checked()
    topics = [topic for topic in CATALOGUE if names_of(topic.name, topic.model)]
    for topic in topics:
        checked.check(_name(topic), _records(topic, each))
    full = sum(checked.counts[topic.name] >= each for topic in topics)
    note = f"of {sum(checked.counts.values())}, random ones of each type that our readers take"
    return [
        line_of(AIMS, "records_off_schema", len(checked.faults), "; ".join([note, *checked.faults[:MOST_FAULTS]])),
        line_of(AIMS, "topics_with_1000_records", full, f"of {len(topics)}" + (f"; {each} each" if quick else "")),
    ]


def _records(topic: Topic, count: int) -> list[bytes]:
    if topic.name != SUBMISSIONS:
        return list(generated(topic, count, random.Random(topic.name)))  # noqa: S311
    # In binary mode the event is in headers; its form as one document is what the schema describes.
    events = [event for event in mixed(4 * (count + 1), 10**9) if not event.poison and event.mode == "structured"]
    return [event.value for event in events[:count] if orjson.loads(event.value)]


def _name(topic: Topic) -> str:
    return f"{topic.name}.acme" if topic.family else topic.name
