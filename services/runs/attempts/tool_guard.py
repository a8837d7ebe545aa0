"""Before a tool is called: may it, with these arguments?

What allows an effect is in the audit log, acknowledged, before the effect; all else is written with the outcome. While
the audit log cannot be written, the attempt waits and has no effect.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from connectors.ports.engine import Clock
from schemas.errors import StepError, Unavailable
from schemas.labels.label import TRUSTED, label_of
from schemas.labels.mapped import Labels
from schemas.policies.compiled import PolicySet
from schemas.policies.facts import OutputFacts, ToolFacts, Where
from schemas.policies.rulings import ALLOWED, NOTHING, Ruling
from schemas.records.base import Json, Record
from schemas.records.security.pinned import UNDECLARED
from schemas.records.steps import StepRequest, StepSecurity, ToolCall
from schemas.spec.error_codes import POLICY_FAILED
from services.calls.ledger import Ledger
from services.calls.security.deciding import noted
from services.calls.timeouts import PATIENCE_S, Deferred
from services.runs.attempts.asking import Asked, asked_hash, question_of
from services.security.enforcement.audit import audit_events
from services.security.enforcement.ports import Policies
from services.security.enforcement.redaction import redacted
from services.security.enforcement.results import labels_of_result
from services.security.enforcement.ruling import approved, denial, ruling_of

#: For the log's acknowledgement of what was decided.
ACK_S = 10.0

Say = Callable[[Sequence[Record]], Awaitable[None]]
"""Appends records; returns when they are acknowledged."""


class ToolGuard:
    """Asks the policy of a run before its tools are called."""

    def __init__(self, policies: Policies, say: Say, clock: Clock) -> None:
        self._policies = policies
        self._say = say
        self._clock = clock

    async def allowed(
        self, request: StepRequest, work: ToolCall, args: dict[str, Json], ledger: Ledger
    ) -> dict[str, Json]:
        """Return the arguments that the tool may be called with. What was decided is in the ledger.

        Raises ``Deferred`` when it cannot be decided now, ``Asked`` when a person must say, and a final ``StepError``:
        ``policy_denied``, or ``policy_failed`` when nobody can decide.
        """
        security = request.security
        if security is None:
            return args
        ruling = noted(ledger, self._clock, partial(self._ruling, request, security, work, args))
        if ruling.verdict == "deny":
            raise denial(ruling, security.policy)
        if ruling.verdict == "ask":
            within_s = self._policies.of(request.org_id, security.policy_hash, security.mode).policy.ask_within_s
            # The question is in the log and in history; what is sealed may not be shown there.
            shown = {} if request.subject else args
            question = question_of(ruling, work.name, shown, asked_hash(request, args), request.capture, within_s)
            events = audit_events(request, ledger.decisions, ledger.audited, self._clock.now_ms())
            raise Asked(question, events, ledger.decisions, ledger.decided_s)
        changed = changed_args(args, security, ruling)
        if (security.tool or UNDECLARED).effects and security.mode == "enforce":
            await self._acknowledged(request, ledger)
        return changed

    def given(self, request: StepRequest, work: ToolCall, value: Json, ledger: Ledger) -> Json:
        """Return what may be given of a tool's result. Its effect is done by now, whatever is decided.

        Raises ``Deferred`` when it cannot be decided now, and a final ``StepError`` as ``allowed`` does.
        """
        security = request.security
        if security is None:
            return value

        def said(policy: PolicySet) -> Ruling:
            return policy.output(_result(request, security, work, value)) if policy.rules_results else ALLOWED

        asked = partial(ruling_of, self._policies, request.org_id, security, "output", said)
        ruling = noted(ledger, self._clock, asked)
        if ruling.verdict == "deny":
            raise denial(ruling, security.policy)
        return value if ruling.changes is NOTHING else redacted(value, labels_of_result(security), ruling.changes)

    def _ruling(self, request: StepRequest, security: StepSecurity, work: ToolCall, args: dict[str, Json]) -> Ruling:
        """Return what the policy says, after what people have said to its questions."""
        ruling = ruling_of(
            self._policies,
            request.org_id,
            security,
            "tool_call",
            lambda policy: policy.tool_call(_facts(request, security, work, args)),
        )
        if ruling.verdict != "ask" or not security.approvals:
            return ruling
        return approved(ruling, security.approvals, asked_hash(request, args))

    async def _acknowledged(self, request: StepRequest, ledger: Ledger) -> None:
        """Write what was decided, and wait for the log to have it."""
        events = audit_events(request, ledger.decisions, ledger.audited, self._clock.now_ms())
        if not events:
            return
        try:
            async with asyncio.timeout(ACK_S):
                await self._say(events)
        except (TimeoutError, Unavailable) as exc:
            raise Deferred(PATIENCE_S, "the audit log cannot be written, so nothing may have an effect") from exc
        except Exception as exc:
            raise StepError(POLICY_FAILED, f"the audit log does not take what was decided: {exc}") from exc
        ledger.audited = len(ledger.decisions)


def changed_args(args: dict[str, Json], security: StepSecurity, ruling: Ruling) -> dict[str, Json]:
    """Return the arguments with what the policy hides taken out. Raises a final ``StepError`` if it hides all."""
    if ruling.changes is NOTHING:
        return args
    changed = redacted(args, Labels.read(security.args), ruling.changes)
    if not isinstance(changed, dict):
        raise StepError(POLICY_FAILED, "the policy hides all arguments at once; hide each by its name")
    return changed


def _where(request: StepRequest, security: StepSecurity) -> Where:
    return Where(
        org=request.org_id,
        workflow=request.workflow_name,
        version=request.workflow_version,
        run=request.run_id,
        node=request.node_id,
        kind="agent" if security.agent else "tool",
        tags=request.tags,
    )


def _result(request: StepRequest, security: StepSecurity, work: ToolCall, value: Json) -> OutputFacts:
    return OutputFacts(
        where=_where(request, security),
        value=value,
        labels=labels_of_result(security),
        control=label_of(security.control) if security.control else TRUSTED,
        tool=work.name,
    )


def _facts(request: StepRequest, security: StepSecurity, work: ToolCall, args: dict[str, Json]) -> ToolFacts:
    labels = Labels.read(security.args)
    return ToolFacts(
        where=_where(request, security),
        tool=work.name,
        security=security.tool or UNDECLARED,
        args=args,
        labels=labels,
        control=label_of(security.control),
        # Who is no agent has read its arguments.
        context=label_of(security.context) if security.agent or security.context else labels.whole,
        trusted=security.trusted,
    )
