"""URLs and names of domains."""

from typing import Final

from services.privacy.detect.pii.checks import LETTERS
from services.privacy.detect.rules import Rule

_CLOSING: Final = {")": "(", "]": "[", "}": "{"}
_NEAR: Final = (
    "website*",
    "site*",
    "web",
    "homepage*",
    "url",
    "urls",
    "domain*",
    "link",
    "links",
    "visit*",
    "host*",
    "www",
    "blog",
)
_TOP: Final = r"com|org|net|edu|gov|mil|int|biz|(?:co|com|org|net|gov|ac|edu)\.[a-z]{2}"
#: Top-level domains that are words or endings of files as well: they count beside words only.
_TOP_NEAR: Final = (
    r"a[ceiot]|[bg]r|be|ca|c[hnz]|de|dk|e[esu]|f[ir]|h[kru]|i[elnst]|jp|kr|l[tuv]|mx|n[loz]|p[lt]|r[ou]|s[eik]|tr|tw|u[aks]|za"
    r"|io|dev|app|info|me|co|ai|shop|online|site|store|blog|cloud"
)
_HOST: Final = rf"(?:[a-z0-9{LETTERS}](?:[a-z0-9{LETTERS}\-]*[a-z0-9{LETTERS}])?\.)+"


def url_in(found: str) -> tuple[int, int] | None:
    """Return a URL without the signs of the sentence around it, ``None`` for one of this machine or without a dot."""
    end = len(found)
    while end and (found[end - 1] in ".,;:!?'\"*_~>" or _unopened(found, end)):
        end -= 1
    host = found[:end].partition("://")[2].partition("/")[0].rpartition("@")[2]
    name = host.partition("?")[0].partition("#")[0]
    if not name.startswith("[") and "." not in name.partition(":")[0].strip("."):
        return None
    return (0, end) if not name.startswith("127.") else None


def is_domain(value: str) -> bool:
    """Return whether the label before the top-level domain has a letter; ``3.com`` is a number and a word."""
    return any(char.isalpha() for char in value.rpartition(".")[0])


def _unopened(found: str, end: int) -> bool:
    """Return whether the last character closes a bracket that was opened before the URL."""
    opening = _CLOSING.get(found[end - 1])
    return opening is not None and found.count(found[end - 1], 0, end) > found.count(opening, 0, end)


RULES: Final = (
    Rule(
        "pii.url",
        "url",
        r"""(?i)\b(?:https?|ftps?|wss?|sftp)://[^\s<>"`{}|\\^]+""",
        0.9,
        narrow=url_in,
    ),
    Rule(
        "pii.url.www",
        "url",
        rf"""(?i)(?:^|[^\w@./\-])(www\d?\.{_HOST}[a-z{LETTERS}]+(?::\d+)?(?:/[^\s<>"`{{}}|\\^\)\],;]*[^\s<>"`{{}}|\\^\)\],;.!?:])?)""",
        0.85,
        group=1,
    ),
    Rule(
        "pii.url.domain",
        "url",
        rf"(?i)(?:^|[^\w@./\\$\-])({_HOST}(?:{_TOP}))(?:$|[^\w@.(=\-]|\.(?:$|[^\w]))",
        0.8,
        group=1,
        validate=is_domain,
        near=_NEAR,
        alone=0.6,
    ),
    Rule(
        "pii.url.domain.words",
        "url",
        rf"(?i)(?:^|[^\w@./\\$\-])({_HOST}(?:{_TOP_NEAR}))(?:$|[^\w@.(=\-]|\.(?:$|[^\w]))",
        0.7,
        group=1,
        validate=is_domain,
        near=_NEAR,
    ),
)
