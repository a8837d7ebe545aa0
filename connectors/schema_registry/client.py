"""A client of a schema registry with Confluent's API: schemas by id, with what they refer to.

After Confluent's Schema Registry API reference (``GET /schemas/ids/{id}``, ``GET /subjects/{subject}/versions/{n}``),
which Karapace, Apicurio and Redpanda serve as well. A schema's id never gets another schema, so answers are kept.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from connectors.http.clients import remote_client
from schemas.errors import BadRecord, Unavailable

TIMEOUT_S = 5.0
ACCEPT = "application/vnd.schemaregistry.v1+json, application/json"
#: Schemas that one schema may need; more is a circle or a mistake.
MOST_REFERENCES = 100
#: The registry's own codes for a schema, a subject or a version that it does not have; any other 404 is another server.
_NOT_THERE = frozenset({40401, 40402, 40403})
_OK, _NOT_FOUND = 200, 404
_REFUSED = frozenset({401, 403})
_DEPENDENCY = "schema registry"


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach the registry. Files are PEM; with ``certificate_file`` we prove who we are."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema as the registry has it. ``kind`` is AVRO, PROTOBUF or JSON.

    ``references`` are the schemas that it needs, each before those that need it, by the names that they are called by.
    Of Protobuf ``text`` is the file's descriptor in base64.
    """

    kind: str
    text: str
    references: tuple[tuple[str, str], ...] = ()


class SchemaRegistry:
    """Asks the registry. All methods raise ``Unavailable`` where it does not answer, or does not let us in."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def schema(self, schema_id: int) -> Schema:
        """Return a schema. Raises ``BadRecord`` for an id that the registry does not know."""
        found = await self._get(f"/schemas/ids/{schema_id}", f"schema {schema_id}")
        references: dict[str, str] = {}
        await self._collect(found, references, set())
        return Schema(_kind(found), _text(found), tuple(references.items()))

    async def _collect(self, schema: Mapping[str, Any], into: dict[str, str], seen: set[str]) -> None:
        """Add what a schema refers to, the innermost first. ``seen`` ends circles."""
        for reference in schema.get("references") or ():
            name, subject, version = (reference.get(part) for part in ("name", "subject", "version"))
            if not isinstance(name, str) or not isinstance(subject, str):
                raise BadRecord("schema", "the registry names a reference without name and subject")
            if name in seen:
                continue
            seen.add(name)
            if len(seen) > MOST_REFERENCES:
                raise BadRecord("schema", f"a schema refers to more than {MOST_REFERENCES} others")
            path = f"/subjects/{quote(subject, safe='')}/versions/{version}"
            found = await self._get(path, f"version {version} of subject {subject}")
            await self._collect(found, into, seen)
            into[name] = _text(found)

    async def _get(self, path: str, what: str) -> dict[str, Any]:
        if self._client is None:
            self._client = _connect(self._access)
        try:
            # Others than Protobuf are served as they are.
            answer = await self._client.get(path, params={"format": "serialized"})
        except httpx.HTTPError as exc:
            raise Unavailable(_DEPENDENCY, f"{what}: {_why(exc)}") from exc
        if answer.status_code in _REFUSED:
            said = "it refuses us; check SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD"
            raise Unavailable(_DEPENDENCY, f"{what}: {answer.status_code}, {said}")
        document = _document(answer)
        if answer.status_code == _NOT_FOUND and document.get("error_code") in _NOT_THERE:
            raise BadRecord("schema_unknown", f"the schema registry has no {what}")
        if answer.status_code != _OK or "schema" not in document:
            raise Unavailable(_DEPENDENCY, f"{what}: status {answer.status_code}; is SCHEMA_REGISTRY_URL its address?")
        return document


def tls_of(access: Access) -> ssl.SSLContext | None:
    """Return what the registry's certificate is checked by, ``None`` for the usual. Raises ``ValueError``."""
    if not access.ca_file and not access.certificate_file:
        return None
    for variable, path in (("CAFILE", access.ca_file), ("CERTFILE", access.certificate_file)):
        if path and not Path(path).is_file():
            raise ValueError(f"SCHEMA_REGISTRY_{variable} names {path}, which is no file")
    context = ssl.create_default_context(cafile=access.ca_file or None)
    if access.certificate_file:
        try:
            context.load_cert_chain(access.certificate_file, access.key_file or None)
        except (OSError, ssl.SSLError) as exc:
            raise ValueError(f"SCHEMA_REGISTRY_CERTFILE and SCHEMA_REGISTRY_KEYFILE cannot be used: {exc}") from exc
    return context


def _connect(access: Access) -> httpx.AsyncClient:
    auth = (access.username, access.password) if access.username else None
    return remote_client(access.url.rstrip("/"), {"Accept": ACCEPT}, TIMEOUT_S, auth=auth, tls=tls_of(access))


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _kind(document: Mapping[str, Any]) -> str:
    # The registry leaves the kind of Avro out.
    return str(document.get("schemaType") or "AVRO").upper()


def _text(document: Mapping[str, Any]) -> str:
    if not isinstance(document.get("schema"), str):
        raise BadRecord("schema", "the registry's answer has no schema")
    return str(document["schema"])


def _why(exc: httpx.HTTPError) -> str:
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message}); set SCHEMA_REGISTRY_CAFILE"
        cause = cause.__cause__ or cause.__context__
    return str(exc) or type(exc).__name__
