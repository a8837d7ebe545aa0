"""The JSON Schema of every record on our topics, and the changes to it that old readers and writers survive.

Rolling upgrades run two versions side by side, so a record that one version writes must be readable by the other.
Readers ignore unknown fields. Hence a release may add a field with a default, a variant that only new writers send, or
a looser bound; it may not remove or rename a field, require a new one, or give one another type.
"""

from pathlib import Path
from typing import Any

import msgspec
import orjson

from schemas.spec.model import ResolvedSpec
from topics.catalogue import CATALOGUE
from topics.json_schemas import variants

FROZEN = Path(__file__).with_name("records.json")
#: What a reader does not need in order to decode a record.
_NOTES = frozenset({"title", "description", "default", "examples"})
#: Patterns that became wider, before and after: all that matched still does, and what is new is what only new writers
#: send. A test compares them.
WIDENED = {
    "^[A-Za-z][A-Za-z0-9_.-]{0,127}(@[1-9][0-9]{0,8})?$": (
        "^[A-Za-z][A-Za-z0-9_.-]{0,127}(@([1-9][0-9]{0,8}|[a-z][a-z0-9_.-]{0,63}))?$"
    ),
}


def current() -> dict[str, Any]:
    """Return the schemas of this checkout: ``topics`` (topic -> record types) and ``types`` (name -> JSON Schema)."""
    models = {topic.name: variants(topic.model) for topic in CATALOGUE if topic.model is not None}
    every = list(dict.fromkeys(model for kinds in models.values() for model in kinds))
    _, components = msgspec.json.schema_components(every, schema_hook=_foreign)
    return {
        "topics": {name: sorted(model.__name__ for model in kinds) for name, kinds in sorted(models.items())},
        "types": {name: _bare(schema) for name, schema in sorted(components.items())},
    }


def frozen() -> dict[str, Any]:
    """Return the committed schemas."""
    found: dict[str, Any] = orjson.loads(FROZEN.read_bytes())
    return found


def write(schemas: dict[str, Any]) -> None:
    """Commit schemas to the file."""
    FROZEN.write_bytes(orjson.dumps(schemas, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")


def breaking(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return each change from ``old`` to ``new`` that a reader or writer of ``old`` does not survive."""
    found = []
    for topic, kinds in old["topics"].items():
        gone = sorted(set(kinds) - set(new["topics"].get(topic, [])))
        found += [f"{topic}: {name} is gone" for name in gone]
    for name, schema in old["types"].items():
        if name not in new["types"]:
            found.append(f"{name} is gone")
            continue
        found += _broken(name, schema, new["types"][name])
    return found


def _foreign(kind: type) -> dict[str, Any]:
    if kind is ResolvedSpec:
        schema: dict[str, Any] = ResolvedSpec.model_json_schema(by_alias=True)
        return schema
    raise TypeError(f"{kind.__name__} has no schema: add it to `_foreign`")


def _bare(schema: Any) -> Any:
    """Leave out notes; a field's name may be one of them, so properties are taken by name."""
    if isinstance(schema, list):
        return [_bare(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _bare(field) for name, field in value.items()} if key in ("properties", "$defs") else _bare(value)
        for key, value in schema.items()
        if key not in _NOTES
    }


def _broken(where: str, old: Any, new: Any) -> list[str]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return [] if old == new else [f"{where}: {old!r} became {new!r}"]
    found = []
    fields, now = old.get("properties", {}), new.get("properties", {})
    for name, field in fields.items():
        found += _broken(f"{where}.{name}", field, now[name]) if name in now else [f"{where}.{name} is gone"]
    required = set(new.get("required", [])) - set(old.get("required", []))
    found += [f"{where}.{name} is required now, and old writers leave it out" for name in sorted(required)]
    for name, schema in old.get("$defs", {}).items():
        defs = new.get("$defs", {})
        found += _broken(f"{where}/{name}", schema, defs[name]) if name in defs else [f"{where}/{name} is gone"]
    compared = (set(old) | set(new)) - {"properties", "required", "$defs"}
    for key in sorted(compared):
        found += _choices(where, key, old.get(key), new.get(key))
    return found


def _choices(where: str, key: str, old: Any, new: Any) -> list[str]:
    """Compare one keyword. Choices may grow, those of a list's items as well; everything else stays."""
    if key == "items" and isinstance(old, dict) and isinstance(new, dict):
        return _broken(f"{where}[]", old, new)
    if key == "pattern" and new is not None and WIDENED.get(old) == new:
        return []
    if key == "minItems" and new is None:
        # Wider like a pattern: a shorter list is what only new writers send, and readers are upgraded before them.
        return []
    if key == "discriminator" and isinstance(old, dict) and isinstance(new, dict):
        tags = [tag for tag, model in old["mapping"].items() if new["mapping"].get(tag) != model]
        is_same = old["propertyName"] == new["propertyName"]
        return [f"{where}: {key} lost {tag!r}" for tag in tags] + ([] if is_same else [f"{where}: {key} is another"])
    if key in ("anyOf", "oneOf", "enum") and isinstance(old, list) and isinstance(new, list):
        gone = [one for one in old if one not in new]
        return [f"{where}: {key} lost {one!r}" for one in gone]
    return [] if old == new else [f"{where}: {key} was {old!r} and is {new!r}"]
