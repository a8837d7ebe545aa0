"""The policies that this process knows, folded from ``definitions``, by organisation and hash of their document."""

import json
from collections.abc import Mapping

from cachetools import LRUCache

from schemas.errors import Unavailable
from schemas.ids import content_hash
from schemas.policies.compiled import PolicySet, compile_policy
from schemas.policies.read import read_policy
from schemas.records.base import Json
from schemas.records.definitions import Definition
from schemas.records.security.pinned import Mode

#: A policy that is not here yet comes with the next records of its topic.
ASK_AGAIN_S = 5.0
#: Compiled policies that are kept: each has some hundreds of kilobytes.
_COMPILED_MOST = 256


class KnownPolicies:
    """Policies in memory; one is compiled when it is needed first.

    Every version stays, since runs pin theirs. Before ``mark_loaded`` the absence of one proves nothing.
    """

    def __init__(self) -> None:
        self._documents: dict[tuple[str, str], Mapping[str, Json]] = {}
        self._compiled: LRUCache[tuple[str, str, Mode], PolicySet] = LRUCache(_COMPILED_MOST)
        #: The one that was used last: most of a worker's steps are of one policy, and a look-up takes a microsecond.
        self._last: tuple[tuple[str, str, Mode], PolicySet] | None = None
        self._loaded = False

    def apply(self, definition: Definition) -> None:
        """Apply one record; other kinds are ignored."""
        if definition.kind == "policy" and not definition.deleted:
            self._documents[definition.org_id, hash_of(definition.body)] = definition.body

    def mark_loaded(self) -> None:
        """Report that every policy that existed at the start is known."""
        self._loaded = True

    def of(self, org_id: str, policy_hash: str, mode: Mode) -> PolicySet:
        """Return a policy. Raises ``Unavailable`` for one that is not known, ``InvalidInput`` for one that is wrong."""
        key, last = (org_id, policy_hash, mode), self._last
        if last is not None and last[0] == key:
            return last[1]
        found = self._compiled.get(key)
        if found is None:
            found = compile_policy(read_policy(self._document(org_id, policy_hash)), mode)
            self._compiled[key] = found
        self._last = key, found
        return found

    def _document(self, org_id: str, policy_hash: str) -> Mapping[str, Json]:
        document = self._documents.get((org_id, policy_hash))
        if document is None:
            why = "is not known to this worker" if self._loaded else "may not have been read yet by this worker"
            raise Unavailable("policies", f"the run's policy {policy_hash[:12] or 'without a hash'} {why}", ASK_AGAIN_S)
        return document


def hash_of(document: Mapping[str, Json]) -> str:
    """Return the hash of a stored document, as ``Policy.hash`` has it: of its canonical JSON."""
    return content_hash(json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
