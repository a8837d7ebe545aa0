"""``s3.fetch``: the text of a document. Buckets are local directories; see also ``file://`` keys."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from connectors.tools.context import ToolContext
from connectors.tools.registry import tool
from schemas.errors import StepError

#: More than the text of any book; what is larger should be split before it is stored.
MAX_BYTES = 16 * 1024 * 1024
_LISTED = 10


@tool("s3.fetch")
def fetch(context: ToolContext, *, key: str, bucket: str = "") -> str:
    """Return the text of ``<documents>/<bucket>/<key>`` or, without such a directory, ``<documents>/<key>``.

    A key may be a ``file://`` url of a file below the documents directory. Raises a final ``StepError``: ``not_found``
    (naming what there is), ``forbidden_path``, ``too_large``, ``not_text``.
    """
    try:
        return read_document(context, bucket, key).decode()
    except UnicodeDecodeError as exc:
        raise StepError("not_text", f"{key!r} is not text in UTF-8; convert it to text first") from exc


def read_document(context: ToolContext, bucket: str, key: str, most: int = MAX_BYTES) -> bytes:
    """Return the bytes of a document, found as ``fetch`` says. Raises as that does."""
    path = _find(context.documents_dir.resolve(), bucket, key)
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise StepError("too_large", f"{key!r} has over {most} bytes, which is the most; split it into smaller files")
    return data


def _find(root: Path, bucket: str, key: str) -> Path:
    for candidate in _candidates(root, bucket, key):
        path = _inside(root, candidate, key)
        if path.is_file():
            return path
    where = f" in bucket {bucket!r}" if bucket else ""
    raise StepError("not_found", f"there is no document {key!r}{where}; {_what_there_is(root, bucket)}")


def _candidates(root: Path, bucket: str, key: str) -> list[Path]:
    if key.startswith("file://"):
        url = urlsplit(key)
        # file://name/rest is a common misspelling of a relative path; an absolute one has no host.
        return [root / (url.netloc + unquote(url.path))]
    return [root / bucket / key, root / key] if bucket else [root / key]


def _inside(root: Path, candidate: Path, key: str) -> Path:
    """Return the real path, links followed. Raises for one outside of the documents directory."""
    if "\0" in key:
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
