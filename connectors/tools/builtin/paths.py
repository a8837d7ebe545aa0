"""Files of local buckets: documents to read, results to write, nothing outside of their directories."""

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from connectors.objects import atomic_file
from schemas.errors import StepError
from topics.catalogue import SEGMENT_PATTERN

#: The bucket that is the documents' directory itself, whatever its name.
DOCUMENTS = "documents"
BUCKET_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LISTED = 10
_MAX_KEY_BYTES = 1_024
_MAX_NAME_BYTES = 240


def results_of(results: Path, org_id: str) -> Path:
    """Return the directory of an organisation's results."""
    if not re.fullmatch(SEGMENT_PATTERN, org_id):
        raise StepError("forbidden_path", f"organisation {org_id[:80]!r} cannot have results")
    return results / org_id


def find(roots: Iterable[Path], bucket: str, key: str) -> Path:
    """Return the real path of a document in the first of the roots that has it.

    Raises a final ``StepError``: ``bad_key``, ``forbidden_path``, ``unknown_bucket``, ``not_found`` (naming what there
    is).
    """
    check_read(bucket, key)
    resolved = [root.resolve() for root in roots]
    if bucket and not key.startswith("file://"):
        _check_bucket(resolved, bucket)
    forbidden: StepError | None = None
    for root in resolved:
        for candidate in _candidates(root, bucket, key):
            try:
                path = _inside(root, candidate, key)
            except StepError as exc:
                # A file:// url that is absolute lies below one root and out of the others.
                forbidden = exc
                continue
            if path.is_file():
                return path
    if forbidden is not None:
        raise forbidden
    where = f" in bucket {bucket!r}" if bucket else ""
    shown = next((root for root in resolved if bucket and (root / bucket).is_dir()), resolved[0])
    raise StepError("not_found", f"there is no document {key!r}{where}; {_what_there_is(shown, bucket)}")


def check_read(bucket: str, key: str) -> None:
    """Raise a final ``StepError`` for a place that nothing can be read from: ``bad_key``, ``forbidden_path``."""
    if not key.strip():
        raise StepError("bad_key", "the key is empty; give the name of a document")
    plain = unquote(key) if key.startswith("file://") else key
    if ".." in plain.split("/"):
        raise StepError("forbidden_path", f"the key {key[:80]!r} has '..'; give a key below the bucket")
    if bucket and not BUCKET_PATTERN.fullmatch(bucket):
        said = f"the bucket {bucket[:80]!r} is no good name: use letters, digits, '.', '-' and '_'"
        raise StepError("forbidden_path", said)


def _check_bucket(roots: list[Path], bucket: str) -> None:
    """Raise a final ``StepError`` ``unknown_bucket`` for a bucket that is not there."""
    if _is_whole(roots[0], bucket) or any((root / bucket).is_dir() for root in roots):
        return
    known = sorted(
        {DOCUMENTS} | {path.name for root in roots if root.is_dir() for path in root.iterdir() if path.is_dir()}
    )
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    there = f"{', '.join(known[:_LISTED])}{more}"
    said = f"there is no bucket {bucket!r}; there are: {there}. REMOTE_BUCKETS names those in S3"
    raise StepError("unknown_bucket", said)


def _is_whole(root: Path, bucket: str) -> bool:
    """Return true if a bucket is the documents' directory itself."""
    return bucket in (DOCUMENTS, root.name)


def check_key(bucket: str, key: str) -> None:
    """Raise a final ``StepError`` ``bad_key`` for a place that nothing may be written to."""
    parts = key.split("/")
    if not BUCKET_PATTERN.fullmatch(bucket):
        raise StepError("bad_key", f"the bucket {bucket[:80]!r} is no good name: use letters, digits, '.', '-' and '_'")
    if not key or len(key.encode()) > _MAX_KEY_BYTES or _CONTROL.search(key) or "\\" in key:
        raise StepError("bad_key", f"the key {key[:80]!r} is empty, too long, or has characters that no file may have")
    if any(part in ("", ".", "..") or len(part.encode()) > _MAX_NAME_BYTES for part in parts):
        raise StepError("bad_key", f"the key {key[:80]!r} must be names (no '..', up to 240 bytes) between single '/'")


def write(root: Path, bucket: str, key: str, data: bytes) -> Path:
    """Write a file whole or not at all; equal bytes are left as they are. Returns its path.

    Raises a final ``StepError``: ``bad_key``, ``forbidden_path``; and ``OSError``.
    """
    check_key(bucket, key)
    root.mkdir(parents=True, exist_ok=True)
    root = root.resolve()
    path = _inside(root, root / bucket / key, key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as exc:
        raise StepError("bad_key", f"a part of {key!r} is a file and cannot hold others; take another key") from exc
    if path.is_dir():
        raise StepError("bad_key", f"{key!r} holds others and cannot be a file; take another key")
    if not (path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data):
        atomic_file.replace(path, data)
    return path


def _candidates(root: Path, bucket: str, key: str) -> list[Path]:
    if key.startswith("file://"):
        url = urlsplit(key)
        # file://name/rest is a common misspelling of a relative path; an absolute one has no host.
        return [root / (url.netloc + unquote(url.path))]
    if not bucket:
        return [root / key]
    return [root / bucket / key, root / key] if _is_whole(root, bucket) else [root / bucket / key]


def _inside(root: Path, candidate: Path, key: str) -> Path:
    """Return the real path, links followed. Raises for one outside of the root."""
    if "\0" in str(candidate):
        raise StepError("forbidden_path", f"{key!r} is not a path")
    path = candidate.resolve()
    if not path.is_relative_to(root):
        raise StepError("forbidden_path", f"{key!r} leads out of the documents directory; give a key below it")
    return path


def _what_there_is(root: Path, bucket: str) -> str:
    folder = root / bucket if bucket and (root / bucket).resolve().is_relative_to(root) else root
    folder = folder if folder.is_dir() else root
    names = (
        sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else []
    )
    if not names:
        return "the documents directory is empty or missing; see DOCUMENTS_DIR"
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"there are: {', '.join(names[:_LISTED])}{more}"
