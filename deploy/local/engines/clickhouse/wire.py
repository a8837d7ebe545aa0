"""ClickHouse's HTTP interface as data: the parsed request and the error's form. No I/O."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

USER = "default"
# How the server process gets its password.
SECRET_VARIABLE = "AGENTFLOW_CLICKHOUSE_SECRET"  # noqa: S105

# Parameters of the protocol; every other one is a setting, except those that start with `param_`.
PROTOCOL_PARAMETERS = frozenset(
    {
        "query",
        "database",
        "user",
        "password",
        "quota_key",
        "query_id",
        "session_id",
        "session_timeout",
        "session_check",
        "default_format",
        "compress",
        "decompress",
        "buffer_size",
        "wait_end_of_query",
        "client_protocol_version",
        "role",
        "stacktrace",
        "close_session",
    }
)
# Settings that speak about the HTTP connection only. This server has no use for them, so they are not set.
HTTP_SETTINGS = frozenset(
    {
        "enable_http_compression",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "cancel_http_readonly_queries_on_client_close",
        "http_zlib_compression_level",
    }
)
# `INSERT INTO t (a, b) SETTINGS x = 1 FORMAT Native`, then the data. Quoted names may contain any keyword.
INSERT_WITH_DATA = re.compile(
    rb"""(?P<head>(?:\s|--[^\n]*\n|/\*.*?\*/)*INSERT\s+INTO\b
         (?:`[^`]*`|"[^"]*"|'(?:[^'\\]|\\.)*'|(?!\b(?:SELECT|VALUES|WITH|FORMAT)\b).)*?)
         \bFORMAT\s+(?P<format>\w+)[ \t;]*\r?\n?(?P<data>.*)""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
ERROR_CODE = re.compile(r"Code: (\d+)")

SYNTAX_ERROR, UNKNOWN_FORMAT, CANNOT_DECOMPRESS, AUTHENTICATION_FAILED = 62, 73, 271, 516
STATUS_OF_ERROR = {
    **dict.fromkeys(
        (6, 16, 27, 36, 41, 42, 43, 46, 47, 53, 57, SYNTAX_ERROR, 69, 70, UNKNOWN_FORMAT, 115, 117, 456), 400
    ),
    CANNOT_DECOMPRESS: 400,
    **dict.fromkeys((60, 81), 404),
    **dict.fromkeys((AUTHENTICATION_FAILED, 497), 403),
}


class BadRequestError(Exception):
    """This server does not support the request; `code` is ClickHouse's error code."""

    def __init__(self, message: str, code: int = SYNTAX_ERROR) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {message}")


@dataclass(frozen=True, slots=True)
class Request:
    """One statement with all that belongs to it."""

    statement: bytes
    database: str = ""
    default_format: str = "TabSeparated"
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def insert(self) -> tuple[str, str, bytes] | None:
        """(INSERT statement without FORMAT, format, data) when the statement carries data in a format."""
        match = INSERT_WITH_DATA.fullmatch(self.statement)
        if match is None:
            return None
        return match["head"].decode(), match["format"].decode(), match["data"]


def parse_request(url_query: str, headers: Mapping[str, str], body: bytes) -> Request:
    """Read a request from its URL, headers and (dechunked) body. Raises BadRequestError."""
    values = dict(parse_qsl(url_query, keep_blank_values=True))
    content_type = headers.get("Content-Type", "")
    body = decompress(body, headers.get("Content-Encoding", "identity"))
    if content_type.startswith("multipart/form-data"):
        values |= form_fields(content_type, body)
        body = b""
    if values.get("decompress") == "1":
        raise BadRequestError(
            "decompress=1 (native compression) is not supported; use Content-Encoding", UNKNOWN_FORMAT
        )
    parts = [part for part in (values.get("query", "").encode(), body) if part]
    return Request(
        statement=b"\n".join(parts),
        database=values.get("database") or headers.get("X-ClickHouse-Database", ""),
        default_format=values.get("default_format") or headers.get("X-ClickHouse-Format", "TabSeparated"),
        settings={name: value for name, value in values.items() if is_setting(name)},
        parameters={name[6:]: value for name, value in values.items() if name.startswith("param_")},
    )


def is_setting(name: str) -> bool:
    """True if a URL parameter is a setting of the query."""
    return name not in PROTOCOL_PARAMETERS and name not in HTTP_SETTINGS and not name.startswith("param_")


def form_fields(content_type: str, body: bytes) -> dict[str, str]:
    """The text fields of a form, which the client uses when parameters are too long for a URL."""
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields: dict[str, str] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="Content-Disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            fields[name] = payload.decode()
    return fields


def decompress(body: bytes, encoding: str) -> bytes:
    """Undo a Content-Encoding. Raises BadRequestError for an unknown one, and for a body that is cut off or no such.

    A driver compresses each block of a large insert for itself, so a body may be several frames, one after the other.
    """
    if not body or encoding in ("", "identity"):
        return body
    try:
        if encoding == "gzip":
            return gzip.decompress(body)
        if encoding == "deflate":
            return zlib.decompress(body)
        if encoding == "lz4":
            import lz4.frame

            with lz4.frame.open(io.BytesIO(body)) as frames:
                return bytes(frames.read())
        if encoding == "zstd":
            from backports import zstd

            return bytes(zstd.decompress(body))
    except Exception as exc:  # each library has an error of its own for what it cannot read
        raise BadRequestError(f"the body is no whole {encoding}: {exc}", CANNOT_DECOMPRESS) from exc
    raise BadRequestError(f"Content-Encoding {encoding} is unknown; send lz4, zstd, gzip or deflate", UNKNOWN_FORMAT)


def error_code(message: str) -> int:
    """ClickHouse's code in an error message, 0 if it has none."""
    match = ERROR_CODE.search(message)
    return int(match[1]) if match else 0


def quote(value: str) -> str:
    """A string literal of ClickHouse's SQL."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def quote_name(name: str) -> str:
    """An identifier of ClickHouse's SQL."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
