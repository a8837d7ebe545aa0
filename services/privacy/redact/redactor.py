"""Takes out of values what a policy does not want at a place.

1. Detectors look at every text, long number and key of the value. What fails refuses the value.
2. For each finding the first rule that fits decides. What no rule takes out gives its place a data class.
3. The vault makes tokens, all of one value in one question.
4. Spans are replaced, from the end. Tokens that are there already are never looked into.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import structs

from schemas.errors import StepError, Unavailable
from schemas.labels.label import TRUSTED, Integrity, Label
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT
from schemas.labels.paths import Path as LabelPath
from schemas.payload import walk
from schemas.privacy.document import INFLUENCE_KINDS, Action, Influenced, RedactRule, Where
from schemas.privacy.findings import Finding, Found
from schemas.privacy.masks import mask
from schemas.privacy.plan import Plan
from schemas.privacy.tokens import TokenSpan, find
from schemas.records.security.pinned import Decision, Point
from services.privacy.detect.injection.score import injection_score
from services.privacy.redact.errors import failed, refused, vault_down
from services.privacy.redact.links import allowed_links
from services.privacy.redact.noted import Noted, refusal
from services.privacy.redact.ports import Detecting, OrgKeys, Unwatched, Watch
from services.privacy.redact.restore import values_of
from services.privacy.redact.spans import Path, Span, replaced_in, slice_of
from services.privacy.vault.data_key import DataKey
from services.privacy.vault.one_way import fake, hashed
from services.privacy.vault.ports import Tokens

#: A finding in a key of an object says so.
IN_KEY = "key"
#: Values of so many characters are looked at beside the event loop.
ASIDE_CHARS = 64 * 1024
_UNUSABLE = "an object's key holds {kind}, and keys are not redacted; put it into a value"


@dataclass(frozen=True, slots=True)
class Of:
    """Whose value it is. ``subject`` is the pseudonym of the data subject; empty without one."""

    org_id: str
    run_id: str = ""
    subject: str = ""


@dataclass(slots=True)
class Redacted:
    """A value as it may be at a place. ``labels`` are what its places get for what was found in them, by path.

    ``kinds`` counts what was found, by kind and what became of it.
    """

    value: Any
    decisions: list[Decision] = field(default_factory=list)
    labels: Labels | None = None
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def tokens(self) -> int:
        """How many values became tokens."""
        return sum(count for (_, became), count in self.kinds.items() if became == "token")


class Redactor:
    """Redacts by one plan. Every method raises a ``StepError``: ``privacy_refused``, or ``privacy_failed``."""

    def __init__(
        self, plan: Plan, detectors: Detecting, tokens: Tokens, keys: OrgKeys, watch: Watch | None = None
    ) -> None:
        self.plan = plan
        self._watch: Watch = watch or Unwatched()
        self._detectors = detectors
        self._tokens = tokens
        self._keys = keys

    async def apply(
        self,
        of: Of,
        value: Any,
        at: Where,
        *,
        point: Point,
        subject: str = "",
        influenced: Influenced | None = None,
    ) -> Redacted:
        """Return a value as it may be at a place.

        ``point`` and ``subject`` are those of the decisions. ``influenced`` says what the text is to a model that reads
        it; without it influence and links are not looked at. In shadow mode what fails is a decision, and nothing else.
        """
        since_s = time.perf_counter()
        try:
            found = await self._applied(of, value, at, Noted(point, subject), influenced)
            self._watch.looked(found.kinds, time.perf_counter() - since_s)
            return found
        except StepError as exc:
            if not self.plan.is_shadow:
                self._watch.refused(exc.code)
                raise
            noted = Noted(point, subject)
            noted.decide("error", "deny", exc.code, enforced=False)
            return Redacted(value, noted.decisions)

    async def keyed_hash(self, org_id: str, plain: str, at: Where) -> str:
        """Return a hash of what may have had values in it, keyed where this plan takes any out at a place.

        Raises ``StepError`` while the vault is down.
        """
        if not self.plan.takes_out(at):
            return plain
        try:
            return (await self._keys.org_key(org_id)).name(f"hash at {at}", plain).hex()
        except Unavailable as exc:
            raise vault_down(exc) from exc

    async def _applied(self, of: Of, value: Any, at: Where, noted: Noted, influenced: Influenced | None) -> Redacted:
        """Return a value as it may be at a place. Raises ``StepError``, in shadow mode, too."""
        value = allowed_links(self.plan, value, influenced, noted)
        if not self.plan.changes(at):
            return Redacted(value, noted.decisions)
        return await self._replaced(of, value, await self._found(value), at, noted, influenced)

    async def piece(self, of: Of, text: str, findings: Sequence[Finding], point: Point) -> str:
        """Return a piece of a stream as it may be in the log; ``findings`` are those in it. Raises ``StepError``."""
        found = [Found(path=(), finding=one) for one in findings]
        noted = Noted(point, "stream")
        changed: str = (await self._replaced(of, text, found, "log", noted, None)).value if found else text
        return changed

    @property
    def detectors(self) -> Detecting:
        """What finds, for streams."""
        return self._detectors

    async def _replaced(
        self,
        of: Of,
        value: Any,
        findings: Sequence[Found],
        at: Where,
        noted: Noted,
        influenced: Influenced | None,
    ) -> Redacted:
        """Return a value with what was found in it as the plan wants it."""
        found = [one for one in findings if self.plan.is_finding(one.finding)]
        if found:
            found = await self._outside_tokens(of, value, found)
        if not found:
            return Redacted(value, noted.decisions)
        labels: dict[Path, Label] = {}
        scores = _scores(found) if influenced is not None else {}
        chosen: list[tuple[Found, RedactRule]] = []
        for one in found:
            self._flag(one, influenced, scores, labels, noted)
            if one.finding.kind not in INFLUENCE_KINDS:
                rule = self._decided(one, at, labels, noted)
                if rule is not None:
                    chosen.append((one, rule))
        places = await self._spans(of, value, chosen)
        try:
            value = replaced_in(value, places)
        except (LookupError, TypeError) as exc:
            raise failed("the redaction of what detectors found", exc) from None
        noted.conclude()
        return Redacted(value, noted.decisions, _labels(labels), noted.kinds)

    async def _found(self, value: Any) -> list[Found]:
        try:
            if self._detectors.is_slow or _chars(value, ASIDE_CHARS) >= ASIDE_CHARS:
                found = await asyncio.to_thread(self._detectors.find_in, value)
            else:
                found = self._detectors.find_in(value)
        except StepError:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever a detector raises, nobody has looked at the value
            raise failed("a detector", exc) from None
        return found

    async def _outside_tokens(self, of: Of, value: Any, found: list[Found]) -> list[Found]:
        """Return findings but those in tokens, or with a token in them.

        What only looks like a token is none: the vault knows. So nobody hides a value by writing it like one.
        """
        looks: dict[Path, list[TokenSpan]] = {}
        touched: list[tuple[Found, list[str]]] = []
        for one in found:
            text = None if one.finding.via[:1] == (IN_KEY,) else walk(value, list(one.path))
            if not isinstance(text, str):
                touched.append((one, []))
                continue
            spans = looks.setdefault(one.path, find(text)) if one.path not in looks else looks[one.path]
            start, end = one.finding.start, one.finding.end
            touched.append((one, [span.token for span in spans if span.start < end and start < span.end]))
        asked = {token for _, tokens in touched for token in tokens}
        if not asked:
            return found
        known = await values_of(self._tokens, of.org_id, sorted(asked))
        return [one for one, tokens in touched if all(known.get(token) is None for token in tokens)]

    def _flag(
        self,
        one: Found,
        influenced: Influenced | None,
        scores: Mapping[Path, float],
        labels: dict[Path, Label],
        noted: Noted,
    ) -> None:
        """Do what the rules of influence say of a finding. Signs of an injection in one text count together."""
        if influenced is None:
            return
        finding = one.finding
        if finding.kind == "injection":
            finding = structs.replace(finding, confidence=max(finding.confidence, scores.get(one.path, 0.0)))
        for rule in self.plan.influence_of(influenced, finding):
            enforced = self.plan.is_enforced(rule)
            noted.count(one.finding, rule.action if enforced else "shadow")
            noted.add(rule.id, "deny" if rule.action == "deny" else "allow", one.finding.kind, enforced=enforced)
            if not enforced:
                continue
            if rule.action == "deny":
                noted.conclude()
                kind = one.finding.kind
                raise refusal(refused(f"it holds {kind}, which rule {rule.id!r} refuses", rule.id), noted.decisions)
            path = _place(one)
            label = Label(Integrity.WEB, frozenset({one.finding.data_class}))
            labels[path] = labels.get(path, TRUSTED).join(label)

    def _decided(self, one: Found, at: Where, labels: dict[Path, Label], noted: Noted) -> RedactRule | None:
        """Return the rule that takes a finding out; ``None`` where it stays, which gives its place a class."""
        finding = one.finding
        rule, would = self.plan.rules_for(at, finding)
        for shadow in would:
            noted.add(shadow.id, "deny" if shadow.action == "deny" else "redact", finding.kind, enforced=False)
        if rule is None or rule.action == "keep":
            noted.count(finding, "shadow" if would else "keep")
            path = _place(one)
            labels[path] = labels.get(path, TRUSTED).join(Label(classes=frozenset({finding.data_class})))
            return None
        noted.count(finding, rule.action)
        noted.add(rule.id, "deny" if rule.action == "deny" else "redact", finding.kind, enforced=True)
        if rule.action == "deny":
            noted.conclude()
            message = f"it holds {finding.kind}, which rule {rule.id!r} does not let into {_PLACES[at]}"
            raise refusal(refused(message, rule.id), noted.decisions)
        if finding.via[:1] == (IN_KEY,):
            raise refusal(refused(_UNUSABLE.format(kind=finding.kind), rule.id), noted.decisions)
        return rule

    async def _spans(self, of: Of, value: Any, chosen: Sequence[tuple[Found, RedactRule]]) -> dict[Path, list[Span]]:
        if not chosen:
            return {}
        texts = [slice_of(walk(value, list(one.path)), one.finding.start, one.finding.end) for one, _ in chosen]
        try:
            instead = await self._instead(of, chosen, texts)
        except Unavailable as exc:
            raise vault_down(exc) from exc
        except StepError:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever the vault raises, there is no token
            raise failed("the vault", exc) from None
        places: dict[Path, list[Span]] = defaultdict(list)
        for (one, _), text in zip(chosen, instead, strict=True):
            places[one.path].append(Span(one.finding.start, one.finding.end, text))
        return places

    async def _instead(self, of: Of, chosen: Sequence[tuple[Found, RedactRule]], texts: Sequence[str]) -> list[str]:
        """Return what stands in place of each finding."""
        tokens = await self._made(of, chosen, texts)
        key = None
        if any(rule.action in _KEYED for _, rule in chosen):
            key = await self._keys.org_key(of.org_id)
        return [
            tokens[number] if rule.action == "token" else _one_way(rule.action, one.finding.kind, text, key)
            for number, ((one, rule), text) in enumerate(zip(chosen, texts, strict=True))
        ]

    async def _made(
        self, of: Of, chosen: Sequence[tuple[Found, RedactRule]], texts: Sequence[str]
    ) -> Mapping[int, str]:
        """Return tokens by number of the finding, of one question for each scope."""
        scopes: dict[tuple[str | None, str], list[int]] = defaultdict(list)
        for number, (_, rule) in enumerate(chosen):
            if rule.action == "token":
                scopes[_scope(rule, of)].append(number)
        made: dict[int, str] = {}
        for (subject, run), numbers in scopes.items():
            wanted = [(chosen[number][0].finding.kind, texts[number]) for number in numbers]
            tokens = await self._tokens.tokens_for(of.org_id, subject, wanted, run=run)
            made |= zip(numbers, tokens, strict=True)
        return made


_KEYED = ("hash", "fake")
_PLACES: dict[Where, str] = {
    "log": "the log",
    "provider": "what a provider reads",
    "trace": "traces",
    "cache": "the cache",
    "dataset": "datasets",
}


def _scores(found: Sequence[Found]) -> dict[Path, float]:
    """Return how likely each text is an injection, by all signs in it."""
    signs: dict[Path, list[Finding]] = defaultdict(list)
    for one in found:
        if one.finding.kind == "injection":
            signs[one.path].append(one.finding)
    return {path: injection_score(findings) for path, findings in signs.items()}


def _one_way(action: Action, kind: str, text: str, key: DataKey | None) -> str:
    """Return what stands in place of a value that does not come back."""
    if action == "drop":
        return ""
    if key is None or action == "mask":
        return mask(kind, text)
    return hashed(kind, text, key) if action == "hash" else fake(kind, text, key)


def _scope(rule: RedactRule, of: Of) -> tuple[str | None, str]:
    """Return for whom a token is the same: a subject, and a run; neither is the organisation."""
    if rule.scope == "org":
        return None, ""
    return of.subject or None, of.run_id if rule.scope == "run" else ""


def _labels(places: Mapping[Path, Label]) -> Labels | None:
    """Return what places get, which only makes labels stricter."""
    given: dict[LabelPath, Label] = {ROOT: TRUSTED}
    given.update((path, label) for path, label in places.items())
    return Labels(given) if places else None


def _place(one: Found) -> Path:
    """Return the place of a finding; of one in a key, the object that has it."""
    return one.path[:-1] if one.finding.via[:1] == (IN_KEY,) else one.path


def _chars(value: Any, enough: int) -> int:
    """Return how many characters the texts of a value have; it stops at ``enough``."""
    count, stack = 0, [value]
    while stack and count < enough:
        one = stack.pop()
        if isinstance(one, str):
            count += len(one)
        elif isinstance(one, dict):
            stack.extend(one.values())
        elif isinstance(one, list | tuple):
            stack.extend(one)
    return count
