"""Answers of other systems over HTTP, bounded, and the meaning of a status for the step."""

import base64
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore

from schemas.clock import utc_now
from schemas.errors import StepError, Undecodable
from schemas.values.bounds import MAX_DEPTH
from schemas.values.json_text import read_json
from schemas.values.text import text_fault

#: A larger answer belongs in storage; the workflow carries its address.
MAX_BYTES = 8 * 1024 * 1024
_MAX_HEADER_CHARS = 2_000
_SHOWN_CHARS = 500
#: Statuses that are worth a retry. Those over 499 are, too, except 501 and 505, which no waiting fixes.
_AGAIN = frozenset({408, 425, 429})
_NEVER = frozenset({501, 505})
_MAX_WAIT_MS = 3_600_000
_CHARSET = re.compile(r";\s*charset=\"?([a-z0-9_-]{1,40})")
#: What a text may be in besides UTF-8.
_CHARSETS = frozenset({"iso-8859-1", "iso-8859-15", "windows-1252", "us-ascii", "utf-16"})


@dataclass(frozen=True)
class Answer:
    """One answer. ``headers`` have lower-case names; of several with one name, the values are joined by commas."""

    status: int
    headers: dict[str, str]
    data: bytes
    url: str

    @property
    def is_success(self) -> bool:
        """True if the request succeeded."""
        return 200 <= self.status < 300

    def shown(self) -> dict[str, Any]:
        """Return the answer as a step's output."""
        body, encoding = _body(self.data, self.headers.get("content-type", ""))
        return {
            "status": self.status,
            "headers": {name: value[:_MAX_HEADER_CHARS] for name, value in self.headers.items()},
            "body": body,
            "encoding": encoding,
            "url": self.url,
        }


async def answer_of(response: httpcore.Response, url: str) -> Answer:
    """Read an answer. Raises a final ``StepError`` ``too_large``, before it is in memory."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > MAX_BYTES:
        raise _too_large(announced)
    chunks, size = [], 0
    async for chunk in response.aiter_stream():
        size += len(chunk)
        if size > MAX_BYTES:
            raise _too_large(f"over {MAX_BYTES}")
        chunks.append(chunk)
    return Answer(response.status, headers, b"".join(chunks), url)


def failed(answer: Answer, shown: dict[str, Any]) -> StepError:
    """Return the error of an unsuccessful status: ``http_<status>``. ``shown`` is the answer without secrets."""
    status = answer.status
    again = status in _AGAIN or (status >= 500 and status not in _NEVER)
    body = shown["body"] if shown["encoding"] == "text" else json.dumps(shown["body"], ensure_ascii=False)
    return StepError(
        f"http_{status}",
        f"{shown['url']} answered {status}: {body[:_SHOWN_CHARS]}",
        retryable=again,
        retry_after_ms=retry_after_ms(answer.headers.get("retry-after"), utc_now()) if again else None,
        details={"status": str(status)},
    )


def retry_after_ms(said: str | None, now: datetime) -> int | None:
    """Return a ``Retry-After`` in milliseconds, at most an hour: seconds or a date; ``None`` for neither."""
    if said is None:
        return None
    text = said.strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]) * 1000, _MAX_WAIT_MS)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max(0, int((at - now).total_seconds() * 1000)), _MAX_WAIT_MS)


def _body(data: bytes, content_type: str) -> tuple[Any, str]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return read_json(data, MAX_DEPTH - 1), "json"
        except Undecodable:
            # Bytes that no record can carry are shown as text.
            pass
    named = _CHARSET.search(content_type.lower())
    charset = named[1] if named is not None and named[1] in _CHARSETS else "utf-8"
    try:
        text = data.decode(charset)
    except UnicodeDecodeError:
        return base64.b64encode(data).decode(), "base64"
    # No text of a record has U+0000, so what has it is bytes.
    return (base64.b64encode(data).decode(), "base64") if text_fault(text) else (text, "text")


def _too_large(size: str) -> StepError:
    return StepError("too_large", f"the answer has {size} bytes, the most is {MAX_BYTES}; ask for less of it")
