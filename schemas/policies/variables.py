"""Facts as the variables of conditions.

A value that CEL would read as another one, or that is so large that a condition over it could take long, is left out:
a condition that reads it is an error then, which denies.
"""

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

from schemas.labels.label import Integrity, Label
from schemas.labels.mapped import Labels
from schemas.policies.arguments import argument_labels, has_effects, sink_of
from schemas.policies.expressions import Undecided
from schemas.policies.facts import AdminFacts, Key, ModelFacts, OutputFacts, ReadFacts, ToolFacts, Where
from schemas.records.base import Json

#: Arguments of one call, of which more are refused.
MAX_ARGS = 64
#: Bytes of a value as JSON up to which conditions may read it, and items of a list in it.
MAX_VALUE_BYTES = 32_768
MAX_ITEMS = 256

Variables = dict[str, Json]


def tool_variables(
    facts: ToolFacts, endorsed: Mapping[str, bool], links: Mapping[str, list[str]], values: Mapping[str, Json]
) -> Variables:
    """Return the variables of a tool's call.

    ``endorsed`` are the arguments that stand verbatim in trusted text, ``links`` the new ones of arguments. Raises
    ``Undecided``.
    """
    tool, effects = facts.security, has_effects(facts.security, facts.args)
    args = _args(facts.args, facts.labels)
    sinks = []
    for name, one in args.items():
        one["sink"] = sink_of(tool, name, effects=effects)
        one["verbatim"] = endorsed.get(name, False)
        one["trusted"] = one["integrity"] <= Integrity.USER or one["verbatim"]
        one["new_links"] = links.get(name, [])
        if one["sink"]:
            sinks.append(one)
    said = {
        "name": facts.tool,
        "effects": effects,
        "declared": tool.declared,
        "pure": tool.pure,
        "endorses": tool.endorses,
    }
    own = {"tool": said, "args": args, "sinks": sinks, "context": label_fields(facts.context)}
    recipients = [text for one in sinks if one["sink"] == "recipient" for text in _texts(facts.args[one["name"]])]
    if is_readable(recipients):
        own["recipients"] = recipients
    return own | _everywhere(facts.where, facts.control, values)


def model_variables(facts: ModelFacts, values: Mapping[str, Json]) -> Variables:
    """Return the variables of a model's call. Raises ``Undecided``."""
    regions, certifications = facts.regions, facts.certifications
    known = {
        "region": regions[0] if regions is not None and len(regions) == 1 else None,
        "regions": None if regions is None else list(regions),
        "retention": facts.retention,
        "training": facts.training,
        "certifications": None if certifications is None else list(certifications),
    }
    said = {"provider": facts.provider, "model": facts.model, **{k: v for k, v in known.items() if v is not None}}
    own = {"model": said, "args": _args(facts.args, facts.labels), "context": label_fields(facts.context)}
    return own | _everywhere(facts.where, facts.control, values)


def output_variables(facts: OutputFacts, values: Mapping[str, Json]) -> Variables:
    """Return the variables of an output."""
    said = label_fields(facts.labels.whole)
    if is_readable(facts.value):
        said["value"] = facts.value
    return {"output": said} | _everywhere(facts.where, facts.control, values)


def read_variables(facts: ReadFacts, values: Mapping[str, Json]) -> Variables:
    """Return the variables of a reading."""
    who = facts.reader
    reader = {
        "id": who.id,
        "kind": who.kind,
        "project": who.project,
        "permissions": list(who.permissions),
        "roles": list(who.roles),
        "groups": list(who.groups),
    }
    said = label_fields(facts.label) | {"kind": facts.kind}
    return {"output": said, "reader": reader} | _everywhere(facts.where, facts.control, values)


def admin_variables(facts: AdminFacts, values: Mapping[str, Json]) -> Variables:
    """Return the variables of an act of administration."""
    act: dict[str, Json] = {
        "operation": facts.operation,
        "method": facts.method,
        "path": facts.path,
        "subject": facts.subject,
    }
    if facts.body is not None and is_readable(facts.body):
        act["body"] = facts.body
    where = facts.where
    return {
        "act": act,
        "key": _key(where.key) | {"kind": facts.actor},
        "org": where.org,
        "values": dict(values),
    }


def label_fields(label: Label) -> dict[str, Any]:
    """Return a label as conditions read it. ``limited``: only ``readers`` may read; else everybody may."""
    return dict(_fields(label))


@lru_cache(4096)
def _fields(label: Label) -> dict[str, Any]:
    return {
        "integrity": int(label.integrity),
        "classes": sorted(label.classes),
        "readers": sorted(label.readers or ()),
        "limited": label.readers is not None,
        "origins": sorted(label.origins),
    }


def is_readable(value: Json) -> bool:
    """Return whether conditions may read a value."""
    if isinstance(value, str):
        # The common case; a text of which each character takes four bytes is within the bound, too.
        return (len(value) * 4 <= MAX_VALUE_BYTES and value.isascii() and "\0" not in value) or _is_readable(value)
    return value is None or isinstance(value, bool) or _is_readable(value)


def _is_readable(value: Json) -> bool:
    try:
        written = orjson.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return len(written) <= MAX_VALUE_BYTES and b"\\u0000" not in written and _has_short_lists(value)


def _has_short_lists(value: Json) -> bool:
    if isinstance(value, Mapping):
        return len(value) <= MAX_ITEMS and all(map(_has_short_lists, value.values()))
    if isinstance(value, list | tuple):
        return len(value) <= MAX_ITEMS and all(map(_has_short_lists, value))
    if isinstance(value, float):
        # Of a number that is none, every comparison is false: no limit would hold.
        return math.isfinite(value)
    # CEL has integers of 64 bits; orjson takes unsigned ones, too, which CEL compares apart.
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _texts(value: Json) -> Iterator[str]:
    """Yield every text in a value: each may be whom an effect reaches."""
    if isinstance(value, Mapping | list | tuple):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(one)
    elif value is not None:
        yield value if isinstance(value, str) else str(value)


def _args(args: Mapping[str, Json], labels: Labels) -> dict[str, dict[str, Any]]:
    if len(args) > MAX_ARGS:
        raise Undecided(f"there are {len(args)} arguments, the most is {MAX_ARGS}")
    of = argument_labels(args, labels)
    found = {}
    for name, value in args.items():
        if not is_readable(name):
            raise Undecided("the name of an argument is too long, or has a character that names cannot have")
        one = label_fields(of[name])
        one["name"] = name
        if is_readable(value):
            one["value"] = value
        found[name] = one
    return found


def _everywhere(where: Where, control: Label, values: Mapping[str, Json]) -> Variables:
    return {
        "control": label_fields(control),
        "node": {"id": where.node, "kind": where.kind},
        "workflow": {"name": where.workflow, "version": where.version},
        "run": {"id": where.run},
        "key": _key(where.key),
        "org": where.org,
        "tags": dict(where.tags),
        "values": dict(values),
    }


def _key(key: Key) -> dict[str, Any]:
    permissions, roles = list(key.permissions), list(key.roles)
    return {"id": key.id, "project": key.project, "permissions": permissions, "roles": roles}
