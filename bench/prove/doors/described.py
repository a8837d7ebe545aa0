"""Lines of the documents that describe our topics: references that lead nowhere, schemas that no validator takes."""

from collections.abc import Iterator, Sequence
from typing import Any

import jsonschema_rs

from bench.lines import Line
from bench.prove.area import Aim, at_most, line_of
from deploy.local.engines.progress import Progress
from topics.asyncapi import document
from topics.json_schemas import components
from topics.json_schemas import document as schema_of

AIMS = (
    Aim("asyncapi_messages", "messages"),
    Aim("asyncapi_dead_references", "references", at_most(0), at_most(0)),
    Aim("schemas_that_do_not_compile", "schemas", at_most(0), at_most(0)),
)


def measure(_quick: bool, _progress: Progress) -> Sequence[Line]:
    """Return the lines; without engines, in seconds."""
    whole = document()
    every = list(references(whole))
    dead = [reference for reference in every if not leads_somewhere(whole, reference)]
    broken = [name for name in components() if not _compiles(name)]
    channels = len(whole["channels"])
    return [
        line_of(AIMS, "asyncapi_messages", len(whole["components"]["messages"]), f"on {channels} channels"),
        line_of(AIMS, "asyncapi_dead_references", len(dead), f"of {len(every)}{_named(dead)}"),
        line_of(AIMS, "schemas_that_do_not_compile", len(broken), f"of {len(components())}{_named(broken)}"),
    ]


def references(value: Any) -> Iterator[str]:
    """Return every ``$ref`` in a JSON value."""
    if isinstance(value, dict) and isinstance(value.get("$ref"), str):
        yield value["$ref"]
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from references(child)


def leads_somewhere(whole: Any, reference: str) -> bool:
    """Return whether a reference within a document names a part of it."""
    place = whole
    for part in reference.removeprefix("#/").split("/"):
        if not isinstance(place, dict) or part not in place:
            return False
        place = place[part]
    return True


def _compiles(name: str) -> bool:
    try:
        jsonschema_rs.validator_for(schema_of(name))
    except (ValueError, jsonschema_rs.ReferencingError):
        return False
    return True


def _named(names: Sequence[str]) -> str:
    return f": {', '.join(names[:5])}" if names else ""
