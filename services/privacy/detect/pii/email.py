"""E-mail addresses, also of international domains."""

from typing import Final

from services.privacy.detect.pii.checks import LETTERS
from services.privacy.detect.rules import Rule

_LOCAL = rf"[0-9A-Za-z{LETTERS}](?:[0-9A-Za-z{LETTERS}_%'+.&\-]*[0-9A-Za-z{LETTERS}_+\-])?"
_DOMAIN = (
    rf"(?:[0-9A-Za-z{LETTERS}](?:[0-9A-Za-z{LETTERS}\-]*[0-9A-Za-z{LETTERS}])?\.)+"
    rf"(?:[A-Za-z{LETTERS}][A-Za-z{LETTERS}]+|xn--[0-9a-z]+)"
)
_MAX = 254  # RFC 5321, 4.5.3.1


def is_email(value: str) -> bool:
    """Return whether the parts have lengths that addresses have, and no dots side by side."""
    local, _, domain = value.rpartition("@")
    if not 0 < len(local) <= 64 or len(value) > _MAX or ".." in value:
        return False
    top = domain.rpartition(".")[2].lower()
    return top not in _FILES


#: Names behind an @ that are files or versions (``icon@2x.png``), not domains.
_FILES: Final = frozenset(
    (
        *("png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "scss", "js", "mjs", "ts", "tsx", "jsx", "json"),
        *("xml", "yaml", "yml", "toml", "lock", "txt", "html", "htm", "java", "dll", "exe", "tgz", "gz", "zip", "pdf"),
    )
)

RULES: Final = (
    Rule(
        "pii.email",
        "email",
        rf"(?:^|[^0-9A-Za-z{LETTERS}_%+.&@\-])({_LOCAL}@{_DOMAIN})",
        0.95,
        group=1,
        validate=is_email,
    ),
)
