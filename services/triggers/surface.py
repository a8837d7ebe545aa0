"""Triggers as the API makes and changes them: everything that each arrival would meet is checked now."""

import secrets as random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connectors.postgres.triggers.positions import TriggerPositions
from connectors.postgres.triggers.stored import Credentials, StoredTrigger, Triggers
from schemas.errors import BadRecord, Conflict, Forbidden, InvalidInput, Problem
from schemas.ids import run_id
from schemas.privacy.sealed_workflows import requires_subject
from schemas.records.base import Json
from schemas.triggers.allowed_topics import AllowedTopics
from schemas.triggers.arrived import TopicRecord
from schemas.triggers.definition import Definition, source_of
from schemas.triggers.mapping import Mapped, TriggerMap, compile_rules
from schemas.triggers.requests import Pair, pair_of, read_request
from schemas.webhooks import new_secret, secret_bytes
from services.runs.input_check import check_inputs
from services.workflows.resolver import WorkflowResolver

_SECRET_BYTES = 32


class TriggerSurface:
    """Makes and changes triggers. ``topics`` are those that triggers may read."""

    def __init__(
        self, stored: Triggers, positions: TriggerPositions, plans: WorkflowResolver, topics: AllowedTopics
    ) -> None:
        self.stored = stored
        self.positions = positions
        self._plans = plans
        self._topics = topics

    async def create(
        self, org_id: str, name: str, definition: Definition, secret: str | None, by: str, *, paused: bool
    ) -> tuple[StoredTrigger, Credentials]:
        """Store a trigger; return it with its address and secret.

        Raises ``InvalidInput``, ``NotFound`` (the workflow), ``Forbidden`` (the topic), ``Conflict``.
        """
        await self._check(org_id, definition)
        if definition.topic is not None and not self._topics.allows(org_id, definition.topic.name):
            raise Forbidden(
                f"triggers of {org_id} may not read the topic {definition.topic.name!r}; an operator adds it to "
                "TRIGGER_TOPICS"
            )
        return await self.stored.create(org_id, name, definition, paused, signing_secret(definition, secret), by)

    async def change(self, before: StoredTrigger, changes: Mapping[str, Any], how: Mapping[str, Any]) -> StoredTrigger:
        """Change fields of a trigger; ``how`` are those of its webhook. Raises as ``create`` does."""
        fields = {name: value for name, value in changes.items() if name not in ("name", "paused")}
        if how:
            if before.definition.hook is None:
                problems = (Problem(name, "is of webhooks; this trigger reads a topic", "leave it out") for name in how)
                raise InvalidInput.of(*problems)
            fields["hook"] = before.definition.hook.model_copy(update=dict(how))
        kept = {name: changes[name] for name in ("name", "paused") if name in changes}
        if fields:
            kept["definition"] = before.definition.model_copy(update=fields)
            await self._check(before.org_id, kept["definition"])
        return await self.stored.change(before.org_id, before.id, kept)

    async def rotate(
        self, before: StoredTrigger, secret: str | None, overlap_s: int
    ) -> tuple[StoredTrigger, Credentials]:
        """Replace the secret or the address. Raises ``Conflict`` for a trigger that has neither."""
        if before.definition.hook is None:
            raise Conflict(f"trigger {before.id} reads a topic: it has no secret that could be rotated")
        made = signing_secret(before.definition, secret)
        return await self.stored.rotate(before.org_id, before.id, made, overlap_s)

    def tried(self, one: StoredTrigger, payload: Json, said: Mapping[str, Any]) -> tuple[Mapped | None, str | None]:
        """Return what would become of something that arrives, and the run that it would be.

        Raises ``InvalidInput`` for what an expression cannot read.
        """
        headers = {name.lower(): value for name, value in said["headers"].items()}
        rules = compile_rules(one.definition.rules)
        try:
            if one.definition.topic is not None:
                record = TopicRecord(payload, one.definition.topic.name, 0, 0, key=said["key"], headers=headers)
                mapped = rules.of(record.variables())
                pair = None if mapped is None else Pair(mapped.source or source_of(one.id), mapped.submission_id)
            else:
                mapped, pair = _requested(one, rules, payload, headers, said["query"])
        except BadRecord as exc:
            raise InvalidInput.of(Problem("payload", str(exc))) from exc
        if mapped is None or pair is None:
            return None, None
        run = None if pair.id is None else run_id(one.org_id, pair.source, pair.id)
        return replace(mapped, submission_id=pair.id, source=pair.source), run

    async def _check(self, org_id: str, definition: Definition) -> None:
        compile_rules(definition.rules)
        plan = await self._plans.plan(org_id, definition.workflow_name, definition.workflow_version)
        workflow = f"{definition.workflow_name} version {plan.version}"
        check_inputs(workflow, definition.inputs, plan.required, plan.known)
        if not definition.subject and (needing := requires_subject(plan.resolved)):
            fix = "write an expression that gives the id of the person, as of a webhook's payload"
            raise InvalidInput.of(Problem("subject", f"is missing, and workflow {needing} requires it", fix))


def _requested(
    one: StoredTrigger, rules: TriggerMap, payload: Json, headers: Mapping[str, str], query: Mapping[str, str]
) -> tuple[Mapped | None, Pair | None]:
    hook = one.definition.hook
    if hook is None:
        raise BadRecord("webhook", "this trigger reads no requests")
    request, event = read_request(hook, payload, headers, query)
    mapped = rules.of(request.variables())
    return mapped, None if mapped is None else pair_of(one.id, hook, mapped, headers, payload, event)


def signing_secret(definition: Definition, given: str | None) -> str:
    """Return the secret of a trigger's signatures, a new one where none is given; empty without signatures.

    Raises ``InvalidInput`` for one that the scheme cannot use.
    """
    if definition.hook is None or definition.hook.scheme == "url":
        if given is not None:
            fix = "choose a scheme with signatures, or leave the secret out"
            raise InvalidInput.of(Problem("webhook.secret", "the scheme `url` has no signatures", fix))
        return ""
    if definition.hook.scheme == "standard":
        if given is None:
            return new_secret()
        try:
            secret_bytes(given)
        except ValueError as exc:
            raise InvalidInput.of(Problem("webhook.secret", str(exc), "copy it as the sender shows it")) from None
    return given or random.token_urlsafe(_SECRET_BYTES)
