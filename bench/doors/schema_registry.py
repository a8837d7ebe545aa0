"""A small schema registry with Confluent's API, for tests and figures: schemas by id, versions, basic auth."""

import base64
import binascii
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from deploy.local.engines.ports import LOOPBACK

_UNKNOWN_SUBJECT, _UNKNOWN_VERSION, _UNKNOWN_SCHEMA = 40401, 40402, 40403
#: Types and labels of ``FieldDescriptorProto``.
INT64, INT32, STRING, BYTES, MESSAGE = (
    FieldDescriptorProto.TYPE_INT64,
    FieldDescriptorProto.TYPE_INT32,
    FieldDescriptorProto.TYPE_STRING,
    FieldDescriptorProto.TYPE_BYTES,
    FieldDescriptorProto.TYPE_MESSAGE,
)


@dataclass
class Registry:
    """The schemas. ``down`` answers 503 to everything; ``user`` is ``name:password`` that requests need."""

    schemas: list[dict[str, Any]] = field(default_factory=list)
    subjects: dict[str, list[int]] = field(default_factory=dict)
    user: str = ""
    down: bool = False
    requests: Counter[str] = field(default_factory=Counter)

    def add(self, subject: str, kind: str, schema: str, references: list[dict[str, Any]] | None = None) -> int:
        """Register a version of a subject; return the schema's id."""
        self.schemas.append({"schemaType": kind, "schema": schema, "references": references or []})
        self.subjects.setdefault(subject, []).append(len(self.schemas))
        return len(self.schemas)

    def add_file(self, subject: str, file: FileDescriptorProto, references: list[dict[str, Any]] | None = None) -> int:
        """Register a file of Protobuf."""
        return self.add(subject, "PROTOBUF", base64.b64encode(file.SerializeToString()).decode(), references)

    def app(self) -> web.Application:
        """Return the server."""
        app = web.Application(middlewares=[self._gate])
        app.router.add_get("/schemas/ids/{id}", self._by_id)
        app.router.add_get("/subjects/{subject}/versions/{version}", self._by_version)
        return app

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests[request.path] += 1
        if self.down:
            return web.Response(status=503)
        if self.user and request.headers.get("Authorization") != f"Basic {_base64(self.user)}":
            return web.json_response({"error_code": 401, "message": "unauthorized"}, status=401)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _by_id(self, request: web.Request) -> web.Response:
        number = int(request.match_info["id"])
        if not 0 < number <= len(self.schemas):
            return web.json_response({"error_code": _UNKNOWN_SCHEMA, "message": "not found"}, status=404)
        return web.json_response(self._shown(number))

    async def _by_version(self, request: web.Request) -> web.Response:
        versions = self.subjects.get(request.match_info["subject"])
        if versions is None:
            return web.json_response({"error_code": _UNKNOWN_SUBJECT, "message": "not found"}, status=404)
        version = int(request.match_info["version"])
        if not 0 < version <= len(versions):
            return web.json_response({"error_code": _UNKNOWN_VERSION, "message": "not found"}, status=404)
        return web.json_response(self._shown(versions[version - 1]) | {"version": version, "id": versions[version - 1]})

    def _shown(self, number: int) -> dict[str, Any]:
        found = self.schemas[number - 1]
        # As the registry does: the kind of Avro and an empty list are left out.
        return {name: value for name, value in found.items() if value and value != "AVRO"}


def protobuf_file(
    name: str, messages: dict[str, dict[str, int | str]], *, package: str = "shop", imports: tuple[str, ...] = ()
) -> FileDescriptorProto:
    """Return a file: of each message the fields with their types; a text is the full name of a message."""
    file = FileDescriptorProto(name=name, package=package, syntax="proto3", dependency=imports)
    for message, fields in messages.items():
        described = file.message_type.add(name=message)
        for number, (field_name, kind) in enumerate(fields.items(), 1):
            one = described.field.add(name=field_name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
            if isinstance(kind, str):
                one.type, one.type_name = MESSAGE, kind
            else:
                one.type = kind  # type: ignore[assignment]
    return file


def protobuf_message(file: FileDescriptorProto, name: str, *before: FileDescriptorProto, **fields: object) -> bytes:
    """Return a message of a file; ``before`` are the files that it imports."""
    pool = DescriptorPool()
    for one in (*before, file):
        pool.Add(one)
    found = GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{name}"))
    return found(**fields).SerializeToString()


@asynccontextmanager
async def schema_registry(
    *, user: str = "", listening: socket.socket | None = None
) -> AsyncIterator[tuple[Registry, str]]:
    """Serve a registry on a socket that listens, on a free port without one; yield it and its URL."""
    registry = Registry(user=user)
    runner = web.AppRunner(registry.app())
    await runner.setup()
    try:
        await web.SockSite(runner, listening or socket.create_server((LOOPBACK, 0))).start()
        yield registry, f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _base64(text: str) -> str:
    return binascii.b2a_base64(text.encode(), newline=False).decode()
