"""The identity of a log: cluster id and topic id.

Topic ids came with version 10 of Kafka's Metadata request (KIP-516), which aiokafka does not speak yet, so the
request is written here with its protocol types, after the message format in Apache Kafka's
``MetadataRequest.json`` and ``MetadataResponse.json``.
"""

import uuid
from io import BytesIO
from typing import Any, ClassVar

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from schemas.errors import Unavailable


class Uuid(AbstractType[bytes]):
    """16 bytes, big-endian, as Kafka's ``uuid`` type."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        """Return the bytes as they are."""
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        """Read 16 bytes."""
        return data.read(16)


_NODE_IDS = CompactArray(Int32)


class MetadataResponseV10(Response):
    """Metadata with topic ids."""

    API_KEY: ClassVar[int] = 3
    API_VERSION: ClassVar[int] = 10
    SCHEMA: ClassVar[Schema] = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition_index", Int32),
                        ("leader_id", Int32),
                        ("leader_epoch", Int32),
                        ("replica_nodes", _NODE_IDS),
                        ("isr_nodes", _NODE_IDS),
                        ("offline_replicas", _NODE_IDS),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class MetadataRequestV10(RequestStruct):
    """Asks for some topics by name."""

    FLEXIBLE_VERSION: ClassVar[bool] = True
    API_KEY: ClassVar[int] = 3
    API_VERSION: ClassVar[int] = 10
    RESPONSE_TYPE: ClassVar[type[Response]] = MetadataResponseV10
    SCHEMA: ClassVar[Schema] = Schema(
        (
            "topics",
            CompactArray(("topic_id", Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _TopicIdRequest(Request[MetadataRequestV10]):
    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[MetadataRequestV10]) -> MetadataRequestV10:
        return request_struct_class([(bytes(16), self._topic, {})], False, False, False, {})


async def incarnation(client: AIOKafkaClient, topic: str) -> str:
    """Return ``<cluster id>/<topic id>`` of a topic. Raises ``Unavailable`` while it is unknown."""
    node = client.get_random_node()
    if node is None:
        raise Unavailable("kafka", "no broker is known yet")
    response: Any = await client.send(node, _TopicIdRequest(topic))
    found = response.topics[0]
    if found[0] != 0:
        raise Unavailable("kafka", f"topic {topic} is missing; run `python -m topics create`")
    return f"{response.cluster_id}/{uuid.UUID(bytes=found[2])}"
