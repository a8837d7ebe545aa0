"""Random records of every type, as JSON that our own readers decode: what recorded runs do not happen to have."""

import random
from collections.abc import Iterator
from typing import Any

import orjson
from msgspec import inspect

from schemas.errors import AgentFlowError
from topics.catalogue import WORKFLOW_EVENTS, Topic
from topics.codec import decode
from topics.json_schemas import DATA, variants

#: Deeper, optional parts are left out and lists are empty.
DEPTH = 4
_WORDS = ("acme", "run", "step", "a text", "größer", "0", "x" * 40)


def generated(topic: Topic, count: int, rng: random.Random) -> Iterator[bytes]:
    """Yield records of a topic that its readers take, of its types in turn."""
    kinds = [(inspect.type_info(one), _data_of(topic, one)) for one in variants(topic.model)]
    made = tried = 0
    while made < count and tried < 20 * count:
        kind, data = kinds[tried % len(kinds)]
        record = _value(kind, rng, 0)
        value = orjson.dumps(record if data is None else record | {"data": _value(data, rng, 1)})
        tried += 1
        name = f"{topic.name}.acme" if topic.family else topic.name
        try:
            decode(name, value)
        except AgentFlowError:
            continue  # a rule between fields that a schema cannot have
        made += 1
        yield value


def _data_of(topic: Topic, model: type) -> Any:
    """Return what an event for other systems carries, of which its record says nothing."""
    return inspect.type_info(DATA[model.__name__]) if topic.name == WORKFLOW_EVENTS else None


def _value(kind: Any, rng: random.Random, depth: int) -> Any:
    match kind:
        case inspect.StructType():
            return _struct(kind, rng, depth)
        case inspect.UnionType():
            return _value(_chosen(kind.types, rng, depth), rng, depth)
        case inspect.LiteralType():
            return rng.choice(kind.values)
        case inspect.ListType() | inspect.SetType() | inspect.FrozenSetType() | inspect.VarTupleType():
            length = 0 if depth > DEPTH else rng.randrange(3)
            return [_value(kind.item_type, rng, depth + 1) for _ in range(max(length, kind.min_length or 0))]
        case inspect.TupleType():
            return [_value(one, rng, depth + 1) for one in kind.item_types]
        case inspect.DictType():
            length = 0 if depth > DEPTH else rng.randrange(3)
            pairs = (
                (_value(kind.key_type, rng, depth + 1), _value(kind.value_type, rng, depth + 1)) for _ in range(length)
            )
            return dict(pairs)
        case _:
            return _scalar(kind, rng)


def _struct(kind: inspect.StructType, rng: random.Random, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if kind.tag_field is not None:
        found[kind.tag_field] = kind.tag
    for one in kind.fields:
        if one.encode_name == "v":
            found["v"] = "1.0"
        elif one.required or (depth <= DEPTH and rng.random() < 0.5):
            found[one.encode_name] = _value(one.type, rng, depth + 1)
    return found


def _chosen(kinds: Any, rng: random.Random, depth: int) -> Any:
    none = [one for one in kinds if isinstance(one, inspect.NoneType)]
    return none[0] if none and depth > DEPTH else rng.choice(kinds)


def _scalar(kind: Any, rng: random.Random) -> Any:
    match kind:
        case inspect.BoolType():
            return rng.random() < 0.5
        case inspect.IntType():
            least, most = kind.ge if kind.ge is not None else 0, kind.le if kind.le is not None else 2**40
            return rng.randint(max(least, (kind.gt or least - 1) + 1), most)
        case inspect.FloatType():
            return round(rng.uniform(kind.ge or 0.0, kind.le if kind.le is not None else 100.0), 3)
        case inspect.StrType():
            return rng.choice(_WORDS)
        case inspect.NoneType():
            return None
        case inspect.CustomType():
            # The workflow document, which is a type of pydantic.
            return {"spec": _SPEC, "prompts": {}}
        case _:
            return rng.choice((None, True, 7, "text", {"a": [1]}, ["b"]))


_SPEC: dict[str, Any] = {
    "name": "flow",
    "version": 1,
    "dag": {"nodes": [{"id": "a", "type": "function", "config": {"function_name": "result_merger"}}], "edges": []},
}
