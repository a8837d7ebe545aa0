"""Whether records follow the schemas that are served: each by the schema of its own type."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import jsonschema_rs
import orjson

from topics.catalogue import declared
from topics.json_schemas import document, names_of

MOST_FAULTS = 5


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
