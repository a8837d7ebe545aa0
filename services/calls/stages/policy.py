"""Before step 3: a policy says which provider may read what, and what of the answer may be given; and after step 4.

The first stage decides for the route that the call would take: it denies the call, hides parts of the prompt's
arguments, or sends the call to a provider that is allowed. The second one decides for every other route that a try of
the call takes, so that no fallback and no hedge goes where the call may not. Calls without security pass both.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from msgspec import structs

from connectors.ports.engine import Clock
from schemas.errors import StepError
from schemas.labels.label import label_of
from schemas.labels.mapped import Labels
from schemas.policies.facts import ModelFacts, OutputFacts, Where
from schemas.policies.rulings import Ruling
from schemas.prompts.answers import read_answer
from schemas.records.base import Json
from schemas.records.steps import StepSecurity
from schemas.spec.error_codes import POLICY_FAILED
from schemas.values.json_text import write_json
from services.calls.call import UNROUTED, Answer, Call, Proceed
from services.calls.security.deciding import noted
from services.calls.stages.render import with_prompt
from services.calls.stages.route import routed
from services.routing.router import Pin, Route, Router
from services.security.enforcement.ports import Policies
from services.security.enforcement.reading import read_by
from services.security.enforcement.redaction import redacted
from services.security.enforcement.ruling import denial, ruling_of

#: Routes that are tried for a call until one is allowed: the one that it would take, and one that a rule names.
_ROUTES = 2


class GuardModel:
    """Asks the run's policy before a provider reads, and before the answer is given.

    Raises a final ``StepError`` (``policy_denied``, ``policy_failed``), and ``Deferred`` for a policy that this process
    does not know.
    """

    def __init__(self, policies: Policies | None, router: Router, clock: Clock) -> None:
        self._policies = policies
        self._router = router
        self._clock = clock

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        security = call.security
        if security is None:
            return await proceed(call)
        policies = known(self._policies)
        call = await self._allowed(call, security, policies)
        return self._given(call, security, policies, await proceed(call))

    async def _allowed(self, call: Call, security: StepSecurity, policies: Policies) -> Call:
        for _ in range(_ROUTES):
            call = await routed(self._router, call)
            ruling = noted(call.ledger, self._clock, partial(_asked, call, security, policies))
            if ruling.verdict in ("deny", "ask"):
                raise denial(ruling, security.policy)
            if may_go(call.route, ruling.changes.routes):
                return structs.replace(_hidden(call, security, ruling), cleared=(*call.cleared, call.route))
            call = _sent_to(call, ruling.changes.routes or ())
        raise StepError(POLICY_FAILED, f"policy {security.policy} allows no provider that this call can be sent to")

    def _given(self, call: Call, security: StepSecurity, policies: Policies, answer: Answer) -> Answer:
        """Return what may be given of an answer. It is paid by now, and stays so whatever is decided."""
        value = _value(call, answer.response.text)
        ruling = noted(call.ledger, self._clock, partial(_judged, call, security, policies, value))
        if ruling.verdict in ("deny", "ask"):
            raise denial(ruling, security.policy)
        if ruling.verdict != "redact":
            return answer
        changed = redacted(value, _labels_of_answer(call, security), ruling.changes)
        text = changed if isinstance(changed, str) else write_json(changed).decode()
        return structs.replace(answer, response=replace(answer.response, text=text))


class CheckRoute:
    """Asks the policy for a route that the call was not cleared for: of a fallback, or of a try beside it."""

    def __init__(self, policies: Policies | None, clock: Clock) -> None:
        self._policies = policies
        self._clock = clock

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        security = call.security
        if security is None or call.route in call.cleared:
            return await proceed(call)
        ruling = noted(call.ledger, self._clock, partial(_asked, call, security, known(self._policies)))
        if ruling.verdict in ("deny", "ask"):
            raise denial(ruling, security.policy)
        if ruling.verdict == "redact" or not may_go(call.route, ruling.changes.routes):
            where = "/".join(call.route)
            raise StepError(POLICY_FAILED, f"policy {security.policy} does not let this call go to {where} as it is")
        return await proceed(call)


def known(policies: Policies | None) -> Policies:
    """Return the policies of this process. Raises a final ``StepError`` where calls know none."""
    if policies is None:
        raise StepError(POLICY_FAILED, "calls that are made here know no policies, and this one has one")
    return policies


def may_go(route: Route, allowed: Sequence[str] | None) -> bool:
    """Return whether a route is among those that a policy names: ``provider`` or ``provider/model``."""
    return allowed is None or any(one in (route.provider, "/".join(route)) for one in allowed)


def where_of(call: Call) -> Where:
    """Return where a call is made, as policies read it."""
    kind = "agent" if call.security is not None and call.security.agent else "llm"
    origin = call.origin
    return Where(
        org=call.org_id,
        workflow=origin.workflow_name,
        run=origin.run_id,
        node=origin.node_id,
        kind=kind,
        tags=call.tags,
    )


def _asked(call: Call, security: StepSecurity, policies: Policies) -> Ruling:
    return ruling_of(policies, call.org_id, security, "model_call", lambda one: one.model_call(_facts(call, security)))


def _judged(call: Call, security: StepSecurity, policies: Policies, value: Json) -> Ruling:
    return ruling_of(policies, call.org_id, security, "output", lambda one: one.output(_given(call, security, value)))


def _facts(call: Call, security: StepSecurity) -> ModelFacts:
    labels, template = Labels.read(security.args), call.content.template
    args = {} if template is None else template.args if template.given is None else template.given
    return ModelFacts(
        where=where_of(call),
        provider=call.route.provider,
        model=call.route.model,
        args=args,
        labels=labels,
        control=label_of(security.control),
        context=label_of(security.context) if security.agent or security.context else labels.whole,
    )


def _given(call: Call, security: StepSecurity, value: Json) -> OutputFacts:
    labels = _labels_of_answer(call, security)
    return OutputFacts(where=where_of(call), value=value, labels=labels, control=label_of(security.control))


def _labels_of_answer(call: Call, security: StepSecurity) -> Labels:
    """Return the labels of an answer: all that it is made of, now or when it was given before."""
    own = read_by(security)
    return Labels.of_whole(own.join(label_of(call.ledger.labels)) if call.ledger.labels else own)


def _hidden(call: Call, security: StepSecurity, ruling: Ruling) -> Call:
    """Return the call with what the policy hides taken out of its arguments, and rendered again."""
    if ruling.verdict != "redact":
        return call
    before = call.unrendered
    template = None if before is None else before.template
    if before is None or template is None or with_prompt(before, security).prompt != call.content.prompt:
        raise StepError(
            POLICY_FAILED, "the policy hides parts of a prompt that no template has, or that a guard changed"
        )
    if call.content.turns and not label_of(security.context).classes.isdisjoint(ruling.changes.redact_classes):
        raise StepError(POLICY_FAILED, "the policy hides data that an agent has read; send the call elsewhere instead")
    labels = Labels.read(security.args)
    args = _object(redacted(template.args, labels, ruling.changes))
    given = None if template.given is None else _object(redacted(template.given, labels, ruling.changes))
    hidden = structs.replace(before, template=structs.replace(template, args=args, given=given))
    return structs.replace(call, content=with_prompt(hidden, security), unrendered=hidden)


def _object(value: Json) -> dict[str, Json]:
    if isinstance(value, dict):
        return value
    raise StepError(POLICY_FAILED, "the policy hides all of a prompt's arguments at once; hide each by its name")


def _sent_to(call: Call, allowed: Sequence[str]) -> Call:
    """Return the call with the first route that a policy allows it. Raises a final ``StepError`` without one.

    A choice among models is made among those that are allowed, if there are some.
    """
    wish = call.content.wish
    models = [] if wish is None else [one for one in wish.models if may_go(Route(*_split(one)), allowed)]
    if wish is not None and models:
        content = structs.replace(call.content, wish=structs.replace(wish, models=models))
    elif allowed:
        provider, model = _split(allowed[0])
        content = structs.replace(call.content, wish=None, pinned=Pin(provider, model or None))
    else:
        raise StepError(POLICY_FAILED, "the policy routes this call, and names no provider for it")
    return structs.replace(call, content=content, route=UNROUTED, choice=None)


def _split(route: str) -> tuple[str, str]:
    provider, _, model = route.partition("/")
    return provider, model


def _value(call: Call, text: str) -> Json:
    """Return what an answer is: a JSON value, where a schema says so."""
    if call.content.output_schema is None:
        return text
    try:
        return read_answer(text, has_schema=True)
    except StepError:
        return text
