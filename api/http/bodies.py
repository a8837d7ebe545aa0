"""Says why a body cannot be read, before anybody tries: empty, encoded, of another type, in another alphabet."""

import codecs

from starlette.exceptions import HTTPException
from starlette.requests import Request

JSON = "application/json"
_PLAIN = frozenset({"", "identity"})
_UTF8 = frozenset({"", "utf-8", "utf8", "us-ascii"})
_MARKS = ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))


def refuse_encoded(request: Request) -> None:
    """Raise 415 for a compressed body."""
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in _PLAIN:
        raise HTTPException(415, f"content-encoding {encoding} is not supported: send the body plain")


def refuse_unreadable(request: Request, body: bytes, *, required: bool) -> None:
    """Raise 415 for a body that is not JSON in UTF-8 by its headers or its first bytes, and 400 for a missing one."""
    refuse_encoded(request)
    if not body:
        if required:
            raise HTTPException(400, f"the body is empty: send JSON, with the header Content-Type: {JSON}")
        return
    given, _, parameters = request.headers.get("content-type", "").partition(";")
    kind = given.strip().lower()
    if kind != JSON and not (kind.startswith("application/") and kind.endswith("+json")):
        found = f"content-type {kind} is not supported" if kind else "the body has no content type"
        raise HTTPException(415, f"{found}: send JSON, with the header Content-Type: {JSON}")
    if (charset := _charset(parameters, body)) is not None:
        raise HTTPException(415, f"the body is {charset}: send JSON in UTF-8")


def refuse_not_utf8(body: bytes) -> None:
    """Raise 400 for bytes that are not UTF-8, with the place of the first."""
    try:
        body.decode()
    except UnicodeDecodeError as exc:
        raise HTTPException(400, f"the body is not UTF-8 at byte {exc.start}: send JSON in UTF-8") from exc


def _charset(parameters: str, body: bytes) -> str | None:
    """Return the name of an alphabet other than UTF-8."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            return name
    if body[1:2] == b"\0" or body[:1] == b"\0":
        return "UTF-16"  # JSON begins with ASCII, so every other byte of it is zero
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip(' "').lower() not in _UTF8:
            return value.strip(' "')
    return None
