"""Redactors ready to use, by policy and place; what they are made of is compiled once for each policy."""

from collections.abc import Callable

from cachetools import LRUCache

from schemas.errors import StepError
from schemas.policies.document import Policy
from schemas.privacy.document import Privacy
from schemas.privacy.plan import Plan
from schemas.records.security.pinned import Mode
from services.privacy.redact.errors import failed
from services.privacy.redact.ports import Detecting, OrgKeys, Watch
from services.privacy.redact.redactor import Redactor
from services.privacy.vault.ports import Tokens

#: Compiled detectors take some megabytes, plans some kilobytes.
DETECTORS_MOST = 64
PLANS_MOST = 1_024

Detect = Callable[[Privacy], Detecting]
"""Compiles the detectors that a section wants. Raises ``ValueError`` or ``StepError`` where it cannot."""


class Redactors:
    """Makes redactors. ``watch`` counts what they do."""

    def __init__(self, detect: Detect, tokens: Tokens, keys: OrgKeys, watch: Watch | None = None) -> None:
        self._watch = watch
        self._detect = detect
        self.tokens = tokens
        self._keys = keys
        self._detectors: LRUCache[str, Detecting] = LRUCache(DETECTORS_MOST)
        self._ready: LRUCache[tuple[str, Mode, str, str], Redactor] = LRUCache(PLANS_MOST)

    def of(self, policy: Policy, policy_hash: str, mode: Mode, workflow: str, node: str = "") -> Redactor | None:
        """Return what redacts for a node, or without one for inputs; ``None`` for a policy without the section.

        Raises a ``StepError`` ``privacy_failed`` for a section whose detectors cannot be made here.
        """
        if policy.privacy is None:
            return None
        key = (policy_hash, mode, workflow, node)
        found = self._ready.get(key)
        if found is None:
            plan = Plan(policy.privacy, mode, workflow, node)
            detectors = self._of_section(policy_hash, policy.privacy)
            found = Redactor(plan, detectors, self.tokens, self._keys, self._watch)
            self._ready[key] = found
        return found

    def _of_section(self, policy_hash: str, section: Privacy) -> Detecting:
        found = self._detectors.get(policy_hash)
        if found is None:
            try:
                found = self._detectors[policy_hash] = self._detect(section)
            except StepError:
                raise
            except Exception as exc:
                raise failed("the making of detectors", exc) from exc
        return found
