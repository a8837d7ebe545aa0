"""Versions of Python packages in the order of PEP 440, as far as ranges of advisories need it."""

import re
from functools import total_ordering

_FORM = re.compile(
    r"^v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<pre>a|b|c|rc|alpha|beta|pre|preview)[-_.]?(?P<pre_n>\d*))?"
    r"(?P<post>(?:[-_.]?(?:post|rev|r)[-_.]?(?P<post_n>\d*))|(?:-(?P<post_m>\d+)))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_n>\d*))?(?:\+[a-z0-9.]+)?$",
    re.IGNORECASE,
)
_PRE = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}
_LOW, _HIGH = (-1, 0), (3, 0)


@total_ordering
class Version:
    """A version that can be compared. Raises ``ValueError`` for what is none."""

    def __init__(self, text: str) -> None:
        match = _FORM.match(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no version of a package")
        release = [int(part) for part in match["release"].split(".")]
        while len(release) > 1 and not release[-1]:
            release.pop()
        is_post, is_dev = match["post"] is not None, match["dev"] is not None
        pre = (_PRE[match["pre"].lower()], int(match["pre_n"] or 0)) if match["pre"] else _HIGH
        # A development version without another mark comes before everything of its release.
        pre = _LOW if is_dev and not match["pre"] and not is_post else pre
        post = int(match["post_n"] or match["post_m"] or 0) if is_post else -1
        dev = (0, int(match["dev_n"] or 0)) if is_dev else (1, 0)
        self.key = (int(match["epoch"] or 0), release, pre, post, dev)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.key == other.key

    def __lt__(self, other: "Version") -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(str(self.key))
