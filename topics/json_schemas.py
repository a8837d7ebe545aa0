"""The JSON Schema (draft 2020-12) of every record on our topics, made from the types that decode them.

A schema says what readers take: unknown fields are ignored, and what has a default may be absent.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, get_args

import msgspec

from schemas.api_models.runs import SendSignal, SubmitRun
from schemas.cloudevents.submission import EVENT_TYPE, SIGNAL_TYPE
from schemas.records.budgets import ThresholdReached
from schemas.records.quality import Drift
from schemas.records.rollouts.events import RolloutDecision, RolloutEvent
from schemas.records.run_notices import RunFacts, WaitFacts
from schemas.records.security.audit import Vouched
from schemas.spec.model import ResolvedSpec
from topics.catalogue import CATALOGUE, SUBMISSIONS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REF = "#/components/schemas/"
#: Where a document is served by its name, below the API's address. It changes with the major version of records only.
PATH = "/schemas/v1/"
#: What other systems send: the types of CloudEvents, and the body of each.
SENT: Mapping[str, type[SubmitRun | SendSignal]] = {EVENT_TYPE: SubmitRun, SIGNAL_TYPE: SendSignal}

#: What the ``data`` of our events is; the records themselves take any JSON value, as events of later versions may have.
DATA: Mapping[str, type] = {
    **dict.fromkeys(("RunSucceeded", "RunFailed", "RunCanceled"), RunFacts),
    "RunWaiting": WaitFacts,
    "BudgetThreshold": ThresholdReached,
    **dict.fromkeys((one.__name__ for one in get_args(RolloutEvent)), RolloutDecision),
    "QualityDrifted": Drift,
    "AuditCheckpoint": Vouched,
}

Schema = dict[str, Any]


def variants(model: Any) -> list[Any]:
    """Return the record types of a topic's model: the members of a union, or the one type."""
    return list(get_args(model)) or [model]


def message_name(model: Any) -> str:
    """Return how a record's type is named on the wire: its tag, or else its class."""
    tag = model.__struct_config__.tag
    return tag if isinstance(tag, str) else str(model.__name__)


@lru_cache(maxsize=1)
def components() -> Mapping[str, Schema]:
    """Return every schema by name. They refer to each other as ``#/components/schemas/<name>``."""
    found: dict[str, Schema] = {}

    def foreign(kind: type) -> Schema:
        if kind is not ResolvedSpec:
            raise TypeError(f"{kind.__name__} has no schema: add it to `topics.json_schemas`")
        return _of_model(ResolvedSpec, found)

    models = [model for topic in CATALOGUE if topic.model is not None for model in variants(topic.model)]
    models += DATA.values()
    _, ours = msgspec.json.schema_components(
        list(dict.fromkeys(models)), schema_hook=foreign, ref_template=REF + "{name}"
    )
    for name, data in DATA.items():
        ours[name]["properties"]["data"] = {"$ref": REF + data.__name__}
    for kind, model in SENT.items():
        found[_sent_name(kind)] = _cloud_event(kind, _of_model(model, found))
    return {name: _without_hints(schema) for name, schema in sorted((found | ours).items())}


def names_of(topic_name: str, model: Any) -> dict[str, str]:
    """Return the messages of a topic, by their name on the wire, with the names of their schemas."""
    if topic_name == SUBMISSIONS:
        return {kind: _sent_name(kind) for kind in SENT}
    return {message_name(one): one.__name__ for one in variants(model)} if model is not None else {}


@lru_cache(maxsize=256)
def document(name: str) -> Schema:
    """Return one schema as a document of its own, with all that it refers to. Raises ``KeyError``."""
    every = components()
    needed: dict[str, Schema] = {}
    _collect(every[name], every, needed)
    defs = {other: _with_refs(schema, "#/$defs/") for other, schema in sorted(needed.items())}
    whole = {"$schema": DIALECT, "$id": f"{PATH}{name}.json", **_with_refs(every[name], "#/$defs/")}
    return whole | {"$defs": defs} if defs else whole


def _sent_name(kind: str) -> str:
    return "".join(part.capitalize() for part in kind.split(".")[1:]) + "Event"


def _of_model(model: Any, found: dict[str, Schema]) -> Schema:
    """Return a pydantic model's schema; those that it refers to are added to ``found``."""
    schema: Schema = model.model_json_schema(by_alias=True, ref_template=REF + "{model}")
    found |= schema.pop("$defs", {})
    return schema


def _cloud_event(kind: str, data: Schema) -> Schema:
    """Return the schema of a CloudEvent 1.0 in structured mode; binary mode has the attributes in ``ce_`` headers."""
    text = {"type": "string", "minLength": 1}
    return {
        "title": _sent_name(kind),
        "type": "object",
        "properties": {
            "specversion": {"type": "string", "pattern": "^1\\."},
            "id": text | {"description": "With the source: the same event again is the same submission."},
            "source": text,
            "type": {"const": kind},
            "datacontenttype": {"type": "string"},
            "data": data,
        },
        "required": ["specversion", "id", "source", "type", "data"],
    }


def _without_hints(schema: Any) -> Any:
    """Leave out OpenAPI's discriminators: AsyncAPI has another form of them, and each variant requires its tag."""
    if isinstance(schema, list):
        return [_without_hints(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if not _is_hint(key, value)}
    return {key: _without_hints(value) for key, value in kept.items()}


def _is_hint(key: str, value: Any) -> bool:
    return key == "discriminator" and isinstance(value, dict) and "propertyName" in value


def _collect(schema: Any, every: Mapping[str, Schema], needed: dict[str, Schema]) -> None:
    for name in _references(schema):
        if name not in needed:
            needed[name] = every[name]
            _collect(every[name], every, needed)


def _references(schema: Any) -> Iterable[str]:
    if isinstance(schema, dict):
        target = schema.get("$ref")
        if isinstance(target, str):
            yield target.removeprefix(REF)
    for child in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _references(child)


def _with_refs(schema: Any, prefix: str) -> Any:
    if isinstance(schema, dict):
        return {key: _with_refs(value, prefix) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_with_refs(one, prefix) for one in schema]
    return prefix + schema.removeprefix(REF) if isinstance(schema, str) and schema.startswith(REF) else schema
