"""Which topics an organisation may read by triggers, or write by tools: a list of the installation.

``acme:orders, acme:payments.*, *:public.news``: each entry is an organisation, or ``*`` for all, and a topic's name in
which ``*`` stands for any characters. Topics of the system itself are never among them.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
_PATTERN = re.compile(r"[A-Za-z0-9._*-]{1,249}")
_ORGANISATION = re.compile(r"\*|[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class AllowedTopics:
    """The entries, and the topics that belong to the system: those of these names and families."""

    entries: tuple[tuple[str, str], ...] = ()
    own: frozenset[str] = frozenset()

    def allows(self, org_id: str, topic: str) -> bool:
        """Return whether an organisation may use a topic."""
        if not _NAME.fullmatch(topic) or topic.startswith("__") or self._is_own(topic):
            return False
        return any(org in ("*", org_id) and fnmatchcase(topic, pattern) for org, pattern in self.entries)

    def _is_own(self, topic: str) -> bool:
        # A family's topics have its name and a part that is open; so do dead letters and checkpoints.
        return any(topic == name or topic.startswith(f"{name}.") for name in self.own)


def read_allowed(text: str, own: Collection[str] = ()) -> AllowedTopics:
    """Return a list from its text. Raises ``ValueError`` that says what is wrong with an entry."""
    entries = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        org, colon, pattern = entry.partition(":")
        if not colon or not _ORGANISATION.fullmatch(org) or not _PATTERN.fullmatch(pattern):
            raise ValueError(
                f"has {entry!r}; write an organisation and a topic, such as acme:orders, acme:payments.* or *:news"
            )
        entries.append((org, pattern))
    return AllowedTopics(tuple(entries), frozenset(own))
