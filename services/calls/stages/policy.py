"""Before step 3: a policy says which provider may read what, and what of the answer may be given; and after step 4.

The first stage decides for the route that the call would take: it denies the call, hides parts of the prompt's
arguments, or sends the call to a provider that is allowed. A route that is chosen among several is chosen among those
that meet the demands of compliance, with its fallbacks and hedges. The second stage decides for every other route that
a try of the call takes, so that no fallback and no hedge goes where the call may not. Calls without security pass both.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from msgspec import structs

from connectors.ports.engine import Clock
from schemas.errors import StepError
from schemas.labels.label import label_of
from schemas.labels.mapped import Labels
from schemas.policies.facts import OutputFacts
from schemas.policies.rulings import STOPS, Ruling
from schemas.prompts.answers import read_answer
from schemas.records.base import Json
from schemas.records.steps import StepSecurity
from schemas.spec.error_codes import POLICY_FAILED
from schemas.values.json_text import write_json
from services.calls.call import UNROUTED, Answer, Call, Proceed
from services.calls.security.deciding import deferred_if_unknown, noted
from services.calls.security.model_rules import Bar, ModelRules, rerouted, where_of
from services.calls.security.ways import ROUTES, may_go
from services.calls.stages.render import with_prompt
from services.calls.stages.route import routed
from services.routing.router import Pin, Route, Router
from services.security.compliance.known import FactsSource
from services.security.enforcement.ports import Policies
from services.security.enforcement.reading import read_by
from services.security.enforcement.redaction import redacted
from services.security.enforcement.ruling import denial, ruling_of


class GuardModel:
    """Asks the run's policy before a provider reads, and before the answer is given.

    Raises a final ``StepError`` (``policy_denied``, ``policy_failed``), and ``Deferred`` for a policy that this process
    does not know.
    """

    def __init__(
        self, policies: Policies | None, router: Router, clock: Clock, facts: FactsSource | None = None
    ) -> None:
        self._policies = policies
        self._router = router
        self._clock = clock
        self._facts = facts

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        security = call.security
        if security is None:
            return await proceed(call)
        policies = known(self._policies)
        call = await self._allowed(call, security, ModelRules(policies, self._facts))
        return self._given(call, security, policies, await proceed(call))

    async def _allowed(self, call: Call, security: StepSecurity, rules: ModelRules) -> Call:
        for _ in range(ROUTES):
            call = await self._routed(call, security, rules)
            ruling = noted(call.ledger, self._clock, partial(rules.ruling_or_other, call, security))
            if ruling.verdict in STOPS:
                raise denial(ruling, security.policy)
            if may_go(call.route, ruling.changes.routes):
                return structs.replace(_hidden(call, security, ruling), cleared=(*call.cleared, call.route))
            call = _sent_to(call, ruling.changes.routes or ())
        raise StepError(POLICY_FAILED, f"policy {security.policy} allows no provider that this call can be sent to")

    async def _routed(self, call: Call, security: StepSecurity, rules: ModelRules) -> Call:
        """Return the call with its route: of a choice, one that meets the demands of compliance."""
        bar = None
        if call.content.wish is not None and call.route is UNROUTED:
            bar = deferred_if_unknown(lambda: rules.bar(call, security))
        try:
            return await routed(self._router, call, bar)
        except StepError as exc:
            if bar is None or not bar.refused or exc.retryable:
                raise
            return self._elsewhere(call, security, rules, bar)

    def _elsewhere(self, call: Call, security: StepSecurity, rules: ModelRules, bar: Bar) -> Call:
        """Return a call that no model of its choice may get, sent to another one. Raises a final ``StepError``."""
        refused = next(iter(bar.refused.values()))
        other = rules.other(call, security)
        ruling = refused if other is None else rerouted(refused, other)
        noted(call.ledger, self._clock, lambda: ruling)
        if other is None:
            raise denial(ruling, security.policy)
        call.ledger.provider, call.ledger.model = other
        content = structs.replace(call.content, wish=None, pinned=Pin(*other))
        return structs.replace(call, content=content, route=other, choice=None)

    def _given(self, call: Call, security: StepSecurity, policies: Policies, answer: Answer) -> Answer:
        """Return what may be given of an answer. It is paid by now, and stays so whatever is decided."""
        value = _value(call, answer.response.text)
        ruling = noted(call.ledger, self._clock, partial(_judged, call, security, policies, value))
        if ruling.verdict in STOPS:
            raise denial(ruling, security.policy)
        if ruling.verdict != "redact":
            return answer
        changed = redacted(value, _labels_of_answer(call, security), ruling.changes)
        text = changed if isinstance(changed, str) else write_json(changed).decode()
        return structs.replace(answer, response=replace(answer.response, text=text))


class CheckRoute:
    """Asks the policy for a route that the call was not cleared for: of a fallback, or of a try beside it."""

    def __init__(self, policies: Policies | None, clock: Clock, facts: FactsSource | None = None) -> None:
        self._policies = policies
        self._clock = clock
        self._facts = facts

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        security = call.security
        if security is None or call.route in call.cleared:
            return await proceed(call)
        rules = ModelRules(known(self._policies), self._facts)
        ruling = noted(call.ledger, self._clock, partial(rules.ruling, call, security, call.route))
        if ruling.verdict in STOPS:
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


def _judged(call: Call, security: StepSecurity, policies: Policies, value: Json) -> Ruling:
    return ruling_of(policies, call.org_id, security, "output", lambda one: one.output(_given(call, security, value)))


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
        # A pin would be taken before the choice.
        content = structs.replace(call.content, wish=structs.replace(wish, models=models), pinned=Pin())
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
