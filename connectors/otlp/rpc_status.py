"""``google.rpc.Status``, which OTLP's errors are, in Protobuf and in JSON.

Its messages are declared here, in a pool of their own, since the package that has them brings hundreds of others.
"""

from enum import IntEnum
from functools import cache
from typing import Any

import orjson
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, duration_pb2, message_factory
from google.protobuf.message import DecodeError

_FIELD = descriptor_pb2.FieldDescriptorProto
_RETRY_INFO = "google.rpc.RetryInfo"
_STATUS = "google.rpc.Status"
_NANOS = 1e9


class RpcCode(IntEnum):
    """The codes of gRPC that are needed here."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


_OF_HTTP = {
    400: RpcCode.INVALID_ARGUMENT,
    401: RpcCode.UNAUTHENTICATED,
    403: RpcCode.PERMISSION_DENIED,
    404: RpcCode.NOT_FOUND,
    405: RpcCode.UNIMPLEMENTED,
    408: RpcCode.DEADLINE_EXCEEDED,
    409: RpcCode.ABORTED,
    413: RpcCode.INVALID_ARGUMENT,
    415: RpcCode.INVALID_ARGUMENT,
    422: RpcCode.INVALID_ARGUMENT,
    429: RpcCode.RESOURCE_EXHAUSTED,
    503: RpcCode.UNAVAILABLE,
}


def code_of(http_status: int) -> RpcCode:
    """Return the code of a status of HTTP."""
    return _OF_HTTP.get(http_status, RpcCode.INTERNAL)


def status_protobuf(code: RpcCode, message: str) -> bytes:
    """Return a status in Protobuf."""
    found: bytes = _class(_STATUS)(code=int(code), message=message).SerializeToString()
    return found


def status_json(code: RpcCode, message: str) -> bytes:
    """Return a status in JSON."""
    return orjson.dumps({"code": int(code), "message": message})


def message_of(body: bytes) -> str:
    """Return the message of a status in Protobuf; ``""`` for bytes that are none."""
    try:
        return str(_class(_STATUS).FromString(body).message)
    except DecodeError:
        return ""


def retry_after_s(body: bytes) -> float | None:
    """Return how many seconds a status in Protobuf asks to wait; ``None`` where it does not."""
    try:
        details = _class(_STATUS).FromString(body).details
        found = [_class(_RETRY_INFO).FromString(one.value) for one in details if one.type_url.endswith(_RETRY_INFO)]
    except DecodeError:
        return None
    return found[0].retry_delay.seconds + found[0].retry_delay.nanos / _NANOS if found else None


def status_with_retry(code: RpcCode, message: str, seconds: float) -> bytes:
    """Return a status in Protobuf that asks to wait."""
    info = _class(_RETRY_INFO)()
    info.retry_delay.seconds, info.retry_delay.nanos = int(seconds), int(seconds % 1 * _NANOS)
    status = _class(_STATUS)(code=int(code), message=message)
    status.details.add(type_url=f"type.googleapis.com/{_RETRY_INFO}", value=info.SerializeToString())
    found: bytes = status.SerializeToString()
    return found


@cache
def _class(name: str) -> Any:
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(name))


@cache
def _pool() -> Any:
    pool = descriptor_pool.DescriptorPool()
    for known in (any_pb2, duration_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(name="agentflow/rpc_status.proto", package="google.rpc", syntax="proto3")
    file.dependency.extend([any_pb2.DESCRIPTOR.name, duration_pb2.DESCRIPTOR.name])
    status = file.message_type.add(name="Status")
    status.field.add(name="code", number=1, type=_FIELD.TYPE_INT32, label=_FIELD.LABEL_OPTIONAL)
    status.field.add(name="message", number=2, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    status.field.add(
        name="details",
        number=3,
        type=_FIELD.TYPE_MESSAGE,
        label=_FIELD.LABEL_REPEATED,
        type_name=".google.protobuf.Any",
    )
    info = file.message_type.add(name="RetryInfo")
    info.field.add(
        name="retry_delay",
        number=1,
        type=_FIELD.TYPE_MESSAGE,
        label=_FIELD.LABEL_OPTIONAL,
        type_name=".google.protobuf.Duration",
    )
    pool.Add(file)
    return pool
