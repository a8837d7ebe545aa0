"""What a file is by its content, and whether that is what its sender says."""

import re
from typing import Final

#: The first bytes of formats (their specifications, as in the lists of IANA and of WHATWG's MIME Sniffing).
_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\0\0\1\0", "image/vnd.microsoft.icon"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"{\\rtf", "application/rtf"),
    (b"\x7fELF", "application/x-elf"),
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"\xfe\xed\xfa\xce", "application/x-mach-binary"),
    (b"\xfe\xed\xfa\xcf", "application/x-mach-binary"),
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xca\xfe\xba\xbe", "application/java-vm"),
    (b"\0asm", "application/wasm"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"PAR1", "application/vnd.apache.parquet"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"OggS", "application/ogg"),
    (b"fLaC", "audio/flac"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"\x80\x04\x95", "application/x-python-pickle"),
    (b"#!", "text/x-shellscript"),
)
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/vnd.avi"}
_BRANDS: Final = {
    b"avif": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
}
#: A member of an archive in the ZIP format that says which format is built on it.
_ZIP_MEMBERS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    (b"META-INF/MANIFEST.MF", "application/java-archive"),
    (b"mimetypeapplication/epub+zip", "application/epub+zip"),
    (b"mimetypeapplication/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text"),
)
_READ: Final = 4096
_SPACE: Final = b" \t\r\n\x0c\xef\xbb\xbf"
_HTML: Final = re.compile(
    rb"<(?:!doctype html|html|head|body|script|iframe|h1|div|font|table|a|style|title|b|br|p|img|meta|link)[\s>/]|<!--",
    re.IGNORECASE,
)
_UNDECLARED: Final = "application/octet-stream"
#: Declared names of types that are the same as, or built on, what the content shows.
_SAME: Final = {
    "image/jpg": "image/jpeg",
    "image/x-icon": "image/vnd.microsoft.icon",
    "application/x-gzip": "application/gzip",
    "application/x-zip-compressed": "application/zip",
    "application/x-pdf": "application/pdf",
    "audio/x-wav": "audio/wav",
    "audio/mp3": "audio/mpeg",
    "text/xml": "application/xml",
    "text/json": "application/json",
    "text/javascript": "text/plain",
    "audio/ogg": "application/ogg",
    "video/ogg": "application/ogg",
    "text/rtf": "application/rtf",
    "application/msword": "application/x-ole-storage",
    "application/vnd.ms-excel": "application/x-ole-storage",
    "application/vnd.ms-powerpoint": "application/x-ole-storage",
    "video/x-matroska": "video/webm",
    "audio/webm": "video/webm",
}
_TEXTS: Final = frozenset({"text/plain", "application/json", "application/xml", "text/x-shellscript"})


def media_type_of(content: bytes) -> str:
    """Return the media type of a file by its content; ``application/octet-stream`` when it has no known signature."""
    for magic, name in _MAGIC:
        if content.startswith(magic):
            return name
    if content[:4] == b"RIFF" and content[8:12] in _RIFF:
        return _RIFF[content[8:12]]
    if content[4:8] == b"ftyp":
        return _BRANDS.get(content[8:12], "video/mp4")
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return next((name for member, name in _ZIP_MEMBERS if member in content[:_READ]), "application/zip")
    if content[257:262] == b"ustar":
        return "application/x-tar"
    return _of_text(content)


def disagrees(declared: str, content: bytes) -> str | None:
    """Return the media type of a content that is not what it was declared to be; ``None`` when they agree.

    A text may be declared as any kind of text, but not HTML or SVG as a text without a program, nor a file as an image.
    """
    name = declared.partition(";")[0].strip().lower()
    name = _SAME.get(name, name)
    found = media_type_of(content)
    if not name or name in {found, _UNDECLARED}:
        return None
    if found == "application/zip" and (name.startswith("application/vnd.") or name.endswith("+zip")):
        return None
    if found in _TEXTS and (
        name.startswith("text/") or name.endswith(("+json", "+xml", "json", "yaml", "x-ndjson", "xml", "javascript"))
    ):
        return None
    if found == _UNDECLARED and name.split("/")[0] not in {"image", "text"} and name != "application/pdf":
        return None
    return found


def _of_text(content: bytes) -> str:
    start = content[:_READ]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "text/plain"
    if not start or b"\0" in start:
        return _UNDECLARED
    try:
        # The last character may be cut.
        start[: max(1, len(start) - 3)].decode() if len(content) > _READ else content.decode()
    except UnicodeDecodeError:
        return _UNDECLARED
    bare = start.lstrip(_SPACE)
    if bare[:5].lower() == b"<?xml" or bare[:4].lower() == b"<svg":
        return "image/svg+xml" if b"<svg" in start.lower() else "application/xml"
    if _HTML.match(bare):
        return "text/html"
    if bare[:1] in (b"{", b"[") and content.rstrip()[-1:] in (b"}", b"]"):
        return "application/json"
    return "text/plain"
