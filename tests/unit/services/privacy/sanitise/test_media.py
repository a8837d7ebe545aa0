"""What a file is by its content."""

import io
import zipfile

import pytest

from services.privacy.sanitise.media import disagrees, media_type_of


def document(member: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(member, "<x/>")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"%PDF-1.7\n", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x20ftypavif", "image/avif"),
        (document("word/document.xml"), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (document("a.txt"), "application/zip"),
        (b"MZ\x90\0", "application/vnd.microsoft.portable-executable"),
        (b"  <!DOCTYPE html><html>", "text/html"),
        (b"<svg xmlns='x'><script/></svg>", "image/svg+xml"),
        (b'{"a": 1}\n', "application/json"),
        ("Grüße".encode(), "text/plain"),
        (b"\xff\xfeh\0i\0", "text/plain"),
        (b"\x00\x01\x02", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_a_file_is_known_by_its_content(content: bytes, media_type: str) -> None:
    assert media_type_of(content) == media_type


@pytest.mark.parametrize(
    ("declared", "content", "found"),
    [
        ("image/png", b"\x89PNG\r\n\x1a\n", None),
        ("image/jpg", b"\xff\xd8\xff\xe0", None),
        ("text/csv; charset=utf-8", b"a,b\n1,2\n", None),
        ("text/markdown", b'{"a": 1}', None),
        ("application/vnd.oasis.opendocument.graphics", document("a.txt"), None),
        ("application/octet-stream", b"MZ\x90\0", None),
        ("image/png", b"<html><script>", "text/html"),
        ("text/plain", b"MZ\x90\0", "application/vnd.microsoft.portable-executable"),
        ("text/plain", b"<script>alert(1)</script>", "text/html"),
        ("application/pdf", b"not one", "text/plain"),
        ("image/png", b"\0\1\2\3", "application/octet-stream"),
    ],
)
def test_a_declared_type_that_is_not_that_of_the_content(declared: str, content: bytes, found: str | None) -> None:
    assert disagrees(declared, content) == found
