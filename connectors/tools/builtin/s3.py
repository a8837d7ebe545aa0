"""``s3.fetch`` and ``s3.put``: documents in buckets of S3, or in directories that stand for buckets.

``REMOTE_BUCKETS`` names the buckets that are in S3. Any other is a directory: documents are read below
``DOCUMENTS_DIR`` and below the organisation's own results, and written only there (``RESULTS_DIR``).
"""

import asyncio
import base64
import binascii
import hashlib
import json
from typing import Any, Literal

import obstore
from obstore.store import S3Store

from connectors.objects.s3 import bucket_store, s3_errors
from connectors.tools.builtin import paths
from connectors.tools.context import ToolContext
from connectors.tools.effects import Done, NotDone, Reconciled
from connectors.tools.registry import tool
from schemas.errors import NotFound, Rejected, StepError, Unavailable

Encoding = Literal["text", "base64"]

#: More than the text of any book; what is larger should be split before it is stored.
MAX_BYTES = 16 * 1024 * 1024


@tool("s3.fetch", source="third_party", effects=False)
def fetch(context: ToolContext, *, key: str, bucket: str = "", encoding: Encoding = "text") -> str:
    """Return a document: its text or, with ``encoding: base64``, its bytes.

    In a local bucket that is the file ``<documents>/<bucket>/<key>``, in the bucket ``documents`` and without one also
    ``<documents>/<key>``; a key may be a ``file://`` url of a file there. Raises a final ``StepError``: ``not_found``
    (naming what there is), ``unknown_bucket``, ``bad_key``, ``forbidden_path``, ``too_large``, ``not_text``.
    """
    data = read_document(context, bucket, key)
    if encoding == "base64":
        return base64.b64encode(data).decode()
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise StepError("not_text", f"{key!r} is not text in UTF-8; ask for `encoding: base64`") from exc


async def _look(context: ToolContext, args: dict[str, Any]) -> Reconciled:
    return await asyncio.to_thread(_is_there, context, **args)


@tool(
    "s3.put",
    reconcile=_look,
    source="trusted",
    effects=True,
    sinks={"bucket": "path", "key": "path", "body": "content"},
)
def put(
    context: ToolContext,
    *,
    bucket: str,
    key: str,
    body: Any,
    encoding: Encoding = "text",
    content_type: str = "",
) -> dict[str, Any]:
    """Store a document and return its ``uri``, ``bucket``, ``key``, ``size`` in bytes and ``etag``.

    ``body`` is a text (with ``encoding: base64``: bytes in base64), or any other value, which is stored as JSON. The
    same again changes nothing. Raises a final ``StepError``: ``bad_key``, ``bad_arguments``, ``too_large``.
    """
    paths.check_key(bucket, key)
    data, kind = _content(body, encoding)
    if context.world.in_s3(bucket):
        with s3_errors("s3", f"put {bucket}/{key}"):
            attributes = {"Content-Type": content_type or kind}
            stored = obstore.put(_bucket(context, bucket), key, data, attributes=attributes, use_multipart=False)
        return _placed("s3", bucket, key, data, (stored["e_tag"] or "").strip('"'))
    try:
        paths.write(paths.results_of(context.world.results_dir, context.org_id), bucket, key, data)
    except OSError as exc:
        raise Unavailable("results", f"cannot write {bucket}/{key}: {exc.strerror or exc}") from exc
    return _placed("file", bucket, key, data)


def read_document(context: ToolContext, bucket: str, key: str, most: int = MAX_BYTES) -> bytes:
    """Return the bytes of a document, found as ``fetch`` says. Raises as that does."""
    if context.world.in_s3(bucket):
        paths.check_read("", key)
        return _from_s3(context, bucket, key, most)
    roots = (context.documents_dir, paths.results_of(context.world.results_dir, context.org_id))
    with paths.find(roots, bucket, key).open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise _too_large(key, most)
    return data


def _from_s3(context: ToolContext, bucket: str, key: str, most: int) -> bytes:
    try:
        with s3_errors("s3", f"get {bucket}/{key}"):
            found = obstore.get(_bucket(context, bucket), key)
            if found.meta["size"] > most:
                raise _too_large(key, most)
            chunks, size = [], 0
            for chunk in found.stream():
                size += len(chunk)
                # The store's word on the size is not taken.
                if size > most:
                    raise _too_large(key, most)
                chunks.append(bytes(chunk))
    except NotFound as exc:
        if "NoSuchBucket" in str(exc.__cause__):
            said = f"S3 has no bucket {bucket!r}; create it, or correct the name (REMOTE_BUCKETS names those in S3)"
            raise StepError("unknown_bucket", said) from exc
        raise StepError("not_found", f"there is no document {key!r} in bucket {bucket!r} of S3") from exc
    except Rejected as exc:
        raise StepError("bad_key", str(exc)) from exc
    return b"".join(chunks)


def _is_there(context: ToolContext, *, bucket: str, key: str, body: Any, **how: Any) -> Reconciled:
    """Say whether a put was made: whether what it would store is there."""
    paths.check_key(bucket, key)
    data, _ = _content(body, how.get("encoding", "text"))
    local = paths.results_of(context.world.results_dir, context.org_id) / bucket / key
    etag = ""
    if context.world.in_s3(bucket):
        try:
            with s3_errors("s3", f"head {bucket}/{key}"):
                found = obstore.head(_bucket(context, bucket), key)
        except NotFound:
            return NotDone()
        if found["size"] != len(data):
            return NotDone()
        etag = (found["e_tag"] or "").strip('"')
        there = _from_s3(context, bucket, key, len(data))
    elif local.is_file() and local.stat().st_size == len(data):
        there = local.read_bytes()
    else:
        return NotDone()
    return Done(_placed("s3" if etag else "file", bucket, key, data, etag)) if there == data else NotDone()


def _bucket(context: ToolContext, bucket: str) -> S3Store:
    return bucket_store(context.world.s3, bucket)


def _content(body: Any, encoding: Encoding) -> tuple[bytes, str]:
    """Return the bytes to store and their media type."""
    if not isinstance(body, str):
        data, kind = json.dumps(body, ensure_ascii=False).encode(), "application/json"
    elif encoding == "text":
        data, kind = body.encode(), "text/plain; charset=utf-8"
    else:
        try:
            data, kind = base64.b64decode(body, validate=True), "application/octet-stream"
        except (binascii.Error, ValueError) as exc:
            raise StepError("bad_arguments", "'body' is not base64, as 'encoding' says that it is") from exc
    if len(data) > MAX_BYTES:
        raise StepError("too_large", f"the body has {len(data)} bytes, the most is {MAX_BYTES}; split it")
    return data, kind


def _placed(scheme: str, bucket: str, key: str, data: bytes, etag: str = "") -> dict[str, Any]:
    return {
        "uri": f"{scheme}://{bucket}/{key}",
        "bucket": bucket,
        "key": key,
        "size": len(data),
        "etag": etag or hashlib.sha256(data).hexdigest(),
    }


def _too_large(key: str, most: int) -> StepError:
    return StepError("too_large", f"{key!r} has over {most} bytes, which is the most; split it into smaller files")
