"""What follows from what a policy says: errors deny, shadow mode changes nothing, a yes answers one question."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import structs

from schemas.errors import StepError, Unavailable
from schemas.policies.compiled import PolicySet
from schemas.policies.rulings import ERROR, Ruling, strictest
from schemas.records.security.pinned import Approval, Decision, Point
from schemas.records.steps import StepSecurity
from schemas.spec.error_codes import POLICY_DENIED, POLICY_FAILED
from services.security.enforcement.ports import Policies


def ruling_of(
    policies: Policies, org_id: str, security: StepSecurity, point: Point, ask: Callable[[PolicySet], Ruling]
) -> Ruling:
    """Return what a policy says. One that cannot decide denies, or in shadow mode says that it would.

    Raises ``Unavailable`` when this process does not know the policy; in shadow mode that is a decision, too.
    """
    try:
        return ask(policies.of(org_id, security.policy_hash, security.mode))
    except Unavailable as exc:
        if security.mode == "enforce":
            raise
        return _error(security, point, str(exc))
    except Exception as exc:  # noqa: BLE001 - whatever goes wrong here, nothing was allowed
        return _error(security, point, f"policy {security.policy} could not decide: {str(exc) or type(exc).__name__}")


def approved(ruling: Ruling, approvals: Sequence[Approval], args_hash: str) -> Ruling:
    """Return a ruling in which a question that a person said yes to is none.

    A yes is for one rule and one call: with other arguments it is another question.
    """
    yes = {one.rule: one.approved_by for one in approvals if one.args_hash == args_hash}
    if ruling.verdict != "ask" or not yes:
        return ruling
    decisions = tuple(_answered(one, yes) for one in ruling.decisions)
    return structs.replace(ruling, verdict=strictest([one for one in decisions if one.enforced]), decisions=decisions)


def denial(ruling: Ruling, policy: str) -> StepError:
    """Return the final error of a step that is denied what it would do, with the rule and its reason.

    Its code is ``policy_denied``, or ``policy_failed`` where it is denied since nobody could decide.
    """
    said = ruling.deciding
    if said is None:
        return StepError(POLICY_FAILED, f"policy {policy} denies it and names no rule", details={"policy": policy})
    what = f"{said.subject!r} is denied" if said.subject else "it is denied"
    because = f": {said.reason}" if said.reason else ""
    return StepError(
        POLICY_FAILED if said.rule == ERROR else POLICY_DENIED,
        f"{what} by rule {said.rule!r} of policy {policy}{because}",
        details={"rule": said.rule, "policy": policy},
    )


def _answered(one: Decision, yes: Mapping[str, str]) -> Decision:
    if one.verdict != "ask" or not one.enforced or one.rule not in yes:
        return one
    by = f"approved by {yes[one.rule]}" if yes[one.rule] else "approved"
    return structs.replace(one, verdict="allow", reason=f"{one.reason}; {by}" if one.reason else by)


def _error(security: StepSecurity, point: Point, reason: str) -> Ruling:
    enforced = security.mode == "enforce"
    one = Decision(point=point, rule=ERROR, verdict="deny", reason=reason, enforced=enforced)
    return Ruling(verdict="deny" if enforced else "allow", said="deny", decisions=(one,))
