"""The AsyncAPI 3.0 document of our topics, made from the catalogue.

After the specification at asyncapi.com, version 3.0.0, with its Kafka bindings 0.5.0. Each topic is a channel, each
type of record a message. Operations say what this system does: it receives submissions, and sends events.
"""

from functools import lru_cache
from typing import Any

from schemas.version import VERSION
from topics.catalogue import CATALOGUE, SUBMISSIONS, WORKFLOW_EVENTS, Topic
from topics.json_schemas import REF, components, names_of

ASYNCAPI = "3.0.0"
_BINDING = "0.5.0"
_DESCRIPTION = """Workflows of agents as records on Kafka topics.

Other systems write to `workflow-submissions.<org>` and read from `workflow-events.<org>`. All other topics are
internal: they may be read, and are written by this system alone. Partitions are chosen by Kafka's murmur2 of the key,
as Java's client does it (`partitioner=murmur2_random` in librdkafka)."""
_OPEN_PARTS = {"org": "The id of an organisation.", "queue": "A queue, or organisation.queue."}

Json = dict[str, Any]


@lru_cache(maxsize=1)
def document() -> Json:
    """Return the document."""
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "AgentFlow",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "The Kafka cluster of the installation.",
                "variables": {"bootstrap": {"default": "localhost:9092", "description": "KAFKA_BOOTSTRAP_SERVERS"}},
            }
        },
        "channels": {topic.name: _channel(topic) for topic in _channels()},
        "operations": _operations(),
        "components": {"schemas": dict(components()), "messages": _messages()},
    }


def _channels() -> list[Topic]:
    """Return the topics whose records have a schema. A table's checkpoints are its owner's own."""
    return [topic for topic in CATALOGUE if names_of(topic.name, topic.model)]


def _channel(topic: Topic) -> Json:
    channel: Json = {
        "address": f"{topic.name}.{{{topic.open_part}}}" if topic.family else topic.name,
        "title": topic.name,
        "description": topic.summary,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names_of(topic.name, topic.model)},
        "bindings": {"kafka": _binding(topic)},
        "x-writers": list(topic.writers),
        "x-readers": list(topic.readers),
    }
    if topic.family:
        channel["parameters"] = {topic.open_part: {"description": _OPEN_PARTS[topic.open_part]}}
    return channel


def _binding(topic: Topic) -> Json:
    config = topic.config()
    kept: Json = {"cleanup.policy": [topic.cleanup], "max.message.bytes": int(config["max.message.bytes"])}
    if "retention.ms" in config:
        kept["retention.ms"] = int(config["retention.ms"])
    binding: Json = {"topicConfiguration": kept, "bindingVersion": _BINDING}
    return binding if topic.partitions is None else {"partitions": topic.partitions, **binding}


def _operations() -> Json:
    """Return what this system does on each channel; a topic inside of it is sent and received."""
    found: Json = {}
    for topic in _channels():
        at = {"$ref": f"#/channels/{topic.name}"}
        if topic.name != SUBMISSIONS:
            found[f"send.{topic.name}"] = {"action": "send", "channel": at, "summary": topic.summary}
        if topic.name != WORKFLOW_EVENTS:
            found[f"receive.{topic.name}"] = {"action": "receive", "channel": at, "summary": topic.summary}
    return found


def _messages() -> Json:
    found: Json = {}
    for topic in _channels():
        key = {"type": "string", "description": topic.key}
        for name, schema in names_of(topic.name, topic.model).items():
            found[name] = {
                "name": name,
                "contentType": "application/cloudevents+json" if topic.name == SUBMISSIONS else "application/json",
                "payload": {"$ref": REF + schema},
                "bindings": {"kafka": {"key": key, "bindingVersion": _BINDING}},
            }
    return found
