"""The guards of one call: all that look at its answer, in the order of the policy."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from schemas.errors import StepError
from schemas.ids import content_hash
from schemas.policies.guards import GuardRule
from schemas.policies.patterns import matches
from schemas.records.security.pinned import Decision
from services.security.guards.checks import Check, Scorer, Told, check_of

GUARD_REFUSED = "guard_refused"
GUARD_FAILED = "guard_failed"
#: The others compute, in linear time: nothing could end them.
WAITS = frozenset({"judge", "custom"})


@dataclass(frozen=True, slots=True)
class One:
    """A guard and its check."""

    rule: GuardRule
    check: Check


@dataclass(frozen=True, slots=True)
class Guards:
    """Guards that look at one answer. ``digest`` names them: an answer that others let pass is not one of theirs."""

    every: tuple[One, ...]
    policy: str = ""
    digest: str = field(default="", compare=False)

    @property
    def hold(self) -> int | None:
        """How many characters at the end of a stream are held back; ``None``: all until it is whole."""
        reaches = [one.check.reach for one in self.every if one.rule.mode == "enforce"]
        return None if None in reaches else max((reach or 0 for reach in reaches), default=0)

    async def fault(
        self,
        text: str,
        told: Told,
        decisions: list[Decision],
        *,
        since: int = 0,
        whole: bool = True,
        is_call: bool = False,
    ) -> StepError | None:
        """Return why a text may not pass; ``None`` if it may. What guards decide is added to ``decisions``.

        ``is_call``: it requests tools, so it is no answer that follows a schema yet.
        A guard that fails, or takes too long, lets nothing pass: ``guard_failed``, which may be tried again.
        """
        for one in self.every:
            if is_call and one.rule.kind == "schema":
                continue
            error = await self._asked(one, text, since, told, whole=whole)
            if error is None:
                continue
            enforced = one.rule.mode == "enforce"
            if enforced or whole:
                decisions.append(_decision(one.rule, str(error), enforced=enforced))
            if enforced:
                return error
        return None

    async def _asked(self, one: One, text: str, since: int, told: Told, *, whole: bool) -> StepError | None:
        details = {"guard": one.rule.id, "policy": self.policy}
        try:
            if one.rule.kind in WAITS:
                async with asyncio.timeout(one.rule.limit_s):
                    said = await one.check.fault(text, since, told, whole=whole)
            else:
                said = await one.check.fault(text, since, told, whole=whole)
        except TimeoutError:
            why = f"guard {one.rule.id!r} had no answer in {one.rule.limit_s:g} s, so the answer is withheld"
            return StepError(GUARD_FAILED, why, retryable=True, details=details)
        except Exception as exc:  # noqa: BLE001 - whatever a guard raises, it did not let the answer pass
            why = f"guard {one.rule.id!r} failed, so the answer is withheld: {type(exc).__name__}: {exc}"
            return StepError(GUARD_FAILED, why, retryable=True, details=details)
        if said is None:
            return None
        return StepError(GUARD_REFUSED, f"guard {one.rule.id!r} refuses the answer: {said}", details=details)


def guards_of(
    rules: Sequence[GuardRule], workflow: str, node: str, policy: str, scorers: Mapping[str, Scorer], mode: str
) -> Guards | None:
    """Return the guards of a node's answers; ``None`` if there are none. In shadow mode all are in shadow."""
    chosen = [rule for rule in rules if matches(rule.workflows, workflow) and matches(rule.nodes, node)]
    if not chosen:
        return None
    if mode == "shadow":
        chosen = [rule.model_copy(update={"mode": "shadow"}) for rule in chosen]
    return Guards(tuple(One(rule, check_of(rule, scorers)) for rule in chosen), policy, _digest(chosen))


def _digest(rules: Sequence[GuardRule]) -> str:
    """Return a name of the guards that are enforced; the others let every answer pass."""
    enforced = list(_documents(rule for rule in rules if rule.mode == "enforce"))
    return content_hash(orjson.dumps(enforced, option=orjson.OPT_SORT_KEYS)) if enforced else ""


def _documents(rules: Iterator[GuardRule]) -> Iterator[dict[str, object]]:
    return (rule.model_dump(mode="json", exclude_defaults=True) for rule in rules)


def _decision(rule: GuardRule, reason: str, *, enforced: bool) -> Decision:
    return Decision(
        point="output", rule=f"guard:{rule.id}", verdict="deny", subject=rule.kind, reason=reason, enforced=enforced
    )
