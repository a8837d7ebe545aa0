"""CloudEvents that submit runs, built by hand as another system would build them."""

from typing import Any

import orjson

from tests.support.topics import Message
from topics.catalogue import submissions_topic

TYPE = "agentflow.workflow.submit"


def structured(org_id: str, id_: str, data: dict[str, Any], source: str = "urn:test:orders", **more: Any) -> Message:
    """The event as one JSON document."""
    event = {"specversion": "1.0", "id": id_, "source": source, "type": TYPE, "data": data} | more
    content_type = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
    return Message(submissions_topic(org_id), id_.encode(), orjson.dumps(event), content_type)


def binary(org_id: str, id_: str, data: dict[str, Any], source: str = "urn:test:orders") -> Message:
    """The event's attributes as headers and its data as the value."""
    headers = (
        ("ce_specversion", b"1.0"),
        ("ce_id", id_.encode()),
        ("ce_source", source.encode()),
        ("ce_type", TYPE.encode()),
        ("content-type", b"application/json"),
    )
    return Message(submissions_topic(org_id), id_.encode(), orjson.dumps(data), headers)
