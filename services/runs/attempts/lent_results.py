"""What users' own workers say of leased steps, by the policy's rules at ``output``, as workers of ours decide on it.

A step whose result a rule denies fails, and what the rule hides is taken out before the outcome is a record. The
decisions are in the audit log with the outcome, in one append.
"""

from collections.abc import Sequence
from functools import partial

from connectors.aio.clock import WallClock
from connectors.ports.engine import Clock
from schemas.errors import Unavailable
from schemas.labels.label import TRUSTED, label_of
from schemas.labels.mapped import Labels
from schemas.policies.compiled import PolicySet
from schemas.policies.facts import OutputFacts, Where
from schemas.policies.rulings import NOTHING, Ruling
from schemas.records.base import Json, Record
from schemas.records.definitions import AuditEvent
from schemas.records.steps import LlmCall, StepRequest, StepSecurity, ToolCall
from services.calls.ledger import Ledger
from services.calls.security.deciding import noted
from services.calls.timeouts import Deferred
from services.runs.attempts.lent_policies import LentPolicies
from services.runs.attempts.tool_guard import ToolGuard
from services.security.enforcement.audit import result_events
from services.security.enforcement.reading import read_by
from services.security.enforcement.redaction import redacted
from services.security.enforcement.ruling import denial, ruling_of


class LentResults:
    """Decides on results of leased steps."""

    def __init__(self, policies: LentPolicies, clock: Clock | None = None) -> None:
        self._policies = policies
        self._clock = clock or WallClock()
        self._guard = ToolGuard(policies, _said_with_the_outcome, self._clock)

    async def given(self, request: StepRequest, value: Json, ledger: Ledger) -> Json:
        """Return what may be given of a result; what was decided is in the ledger.

        Raises a final ``StepError`` (``policy_denied``, ``policy_failed``), and ``Unavailable`` while nobody can
        decide: the worker says it again.
        """
        security = request.security
        if security is None or not isinstance(request.work, ToolCall | LlmCall):
            return value
        await self._policies.read(request)
        try:
            if isinstance(request.work, ToolCall):
                return self._guard.given(request, request.work, value, ledger)
            return self._answered(request, security, value, ledger)
        except Deferred as wait:
            raise Unavailable("policies", wait.reason, wait.wait_s) from wait

    def events(self, request: StepRequest, ledger: Ledger) -> list[AuditEvent]:
        """Return the audit log's records of what was decided on a result, to be appended with the outcome."""
        new = ledger.decisions[ledger.audited :]
        ledger.audited = len(ledger.decisions)
        return result_events(request, new, self._clock.now_ms())

    def _answered(self, request: StepRequest, security: StepSecurity, value: Json, ledger: Ledger) -> Json:
        """Return what may be given of a model's answer."""
        labels = Labels.of_whole(read_by(security))

        def said(policy: PolicySet) -> Ruling:
            return policy.output(_facts(request, security, value, labels))

        asked = partial(ruling_of, self._policies, request.org_id, security, "output", said)
        ruling = noted(ledger, self._clock, asked)
        if ruling.verdict == "deny":
            raise denial(ruling, security.policy)
        return value if ruling.changes is NOTHING else redacted(value, labels, ruling.changes)


def _facts(request: StepRequest, security: StepSecurity, value: Json, labels: Labels) -> OutputFacts:
    where = Where(
        org=request.org_id,
        workflow=request.workflow_name,
        version=request.workflow_version,
        run=request.run_id,
        node=request.node_id,
        kind="llm",
        tags=request.tags,
    )
    control = label_of(security.control) if security.control else TRUSTED
    return OutputFacts(where=where, value=value, labels=labels, control=control)


async def _said_with_the_outcome(_records: Sequence[Record]) -> None:
    """Results have no effect: nothing is acknowledged before them."""
