"""Which readers see values where the log has tokens: by the section ``privacy`` of the policy that is active now.

A reader for whom no rule holds sees tokens. What was put back is a decision for the audit log, without values.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cachetools import LRUCache

from schemas.errors import InvalidInput, Problem, StepError, Unavailable
from schemas.labels.label import TRUSTED, Label
from schemas.policies.document import Policy
from schemas.policies.expressions import Expression, Undecided, activation, compile_expression
from schemas.policies.facts import Reader, ReadFacts, Where
from schemas.policies.variables import read_variables
from schemas.privacy.document import RestoreReaders
from schemas.privacy.tokens import kind_of
from schemas.records.base import Json
from schemas.records.security.pinned import Decision
from services.privacy.redact.restore import May, values_of
from services.privacy.vault.ports import Tokens
from services.privacy.vault.restore import restore_json, tokens_in
from services.security.policies.reading import MAX_COMPILED, Activated, Subject


@dataclass(frozen=True, slots=True)
class Shown:
    """A recorded value of a run, with the label that a rule decides by; ``kind`` as in ``ReadFacts``."""

    value: Json
    label: Label
    kind: str
    path: str
    node: str = ""


@dataclass(frozen=True, slots=True)
class _Ready:
    rule: RestoreReaders
    when: Expression


class ReaderRestores:
    """Makes what puts values back for a reader. Without ``tokens`` nobody gets any."""

    def __init__(self, active: Activated, tokens: Tokens | None) -> None:
        self._active = active
        self._tokens = tokens
        self._compiled: LRUCache[str, tuple[_Ready, ...]] = LRUCache(MAX_COMPILED)

    async def of(self, org_id: str, reader: Reader) -> "ReaderRestore | None":
        """Return what puts values back; ``None`` where no policy does so. Raises ``Unavailable``."""
        active = await self._active.of(org_id)
        if self._tokens is None or active is None or active.policy.privacy is None:
            return None
        if not active.policy.privacy.restore.readers:
            return None
        rules = self._compiled.get(active.hash)
        if rules is None:
            rules = self._compiled[active.hash] = tuple(_compiled(active.policy))
        return ReaderRestore(self._tokens, active.policy, rules, active.name, org_id, reader)


class ReaderRestore:
    """Puts values back for one reader in one request. ``decisions`` are for the audit log."""

    def __init__(
        self, tokens: Tokens, policy: Policy, rules: Sequence[_Ready], name: str, org_id: str, reader: Reader
    ) -> None:
        self._tokens = tokens
        self._constants = policy.values
        self._rules = rules
        self._org_id = org_id
        self._reader = reader
        self.policy = name
        self.decisions: list[Decision] = []

    async def values(self, of: Subject, shown: Sequence[Shown]) -> list[Json]:
        """Return values of a run with those put back that the reader may see, in one question to the vault.

        Raises ``Unavailable`` while the vault is down, for a reader who may see values.
        """
        wanted = [self._wanted(of, one) for one in shown]
        asked = sorted({token for tokens in wanted for token in tokens})
        if not asked:
            return [one.value for one in shown]
        try:
            known = await values_of(self._tokens, self._org_id, asked)
        except StepError as exc:
            raise Unavailable("vault", f"values cannot be put back now: {exc}") from exc
        return [
            restore_json(one.value, {token: known[token] for token in tokens}) if tokens else one.value
            for one, tokens in zip(shown, wanted, strict=True)
        ]

    def _wanted(self, of: Subject, one: Shown) -> list[str]:
        """Return the tokens in a value that the reader may see the values of."""
        tokens = sorted(tokens_in(one.value))
        if not tokens:
            return []
        holding = [rule for rule in self._rules if self._holds(rule, of, one)]
        wanted = May([(ready.rule.kinds, ready.rule.classes) for ready in holding]).of(tokens)
        if wanted:
            kinds = Counter(kind_of(token) or "own" for token in wanted)
            said = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
            self.decisions.append(
                Decision(
                    point="read",
                    rule=f"privacy:{holding[0].rule.id}",
                    verdict="allow",
                    subject=one.path,
                    reason=f"shown {said}",
                )
            )
        return wanted

    def _holds(self, ready: _Ready, of: Subject, one: Shown) -> bool:
        where = Where(
            org=self._org_id, workflow=of.workflow, version=of.version, run=of.run_id, node=one.node, tags=of.tags
        )
        facts = ReadFacts(
            where=where, reader=self._reader, label=one.label, control=TRUSTED, kind=one.kind, path=one.path
        )
        try:
            return ready.when.holds(activation("read", read_variables(facts, self._constants)))
        except Undecided:
            # What cannot be decided shows nothing.
            return False


def _compiled(policy: Policy) -> list[_Ready]:
    found = []
    for rule in policy.privacy.restore.readers if policy.privacy is not None else ():
        when = compile_expression(rule.when, "read")
        if isinstance(when, Problem):
            raise InvalidInput.of(when)
        found.append(_Ready(rule, when))
    return found
