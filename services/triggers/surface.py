"""Triggers as the API makes and changes them: everything that each arrival would meet is checked now."""

import secrets as random
from collections.abc import Mapping
from typing import Any

from connectors.postgres.triggers.positions import TriggerPositions
from connectors.postgres.triggers.stored import Credentials, StoredTrigger, Triggers
from schemas.errors import BadRecord, Conflict, Forbidden, InvalidInput, Problem
from schemas.ids import run_id
from schemas.privacy.sealed_workflows import requires_subject
from schemas.records.base import Json
from schemas.triggers.allowed_topics import AllowedTopics
from schemas.triggers.arrived import Request, TopicRecord
from schemas.triggers.definition import Definition, source_of
from schemas.triggers.mapping import Mapped, compile_rules
from schemas.triggers.signatures import default_id
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
        if definition.topic is not None and definition.subject:
            fix = "submit such runs over HTTP or by a webhook"
            problem = Problem("subject", "a topic keeps its records in clear, where nobody could erase them", fix)
            raise InvalidInput.of(problem)
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
                mapped, otherwise = rules.of(record.variables()), None
            else:
                mapped = rules.of(Request(payload, headers, said["query"]).variables())
                hook = one.definition.hook
                otherwise = None
                if hook is not None and hook.idempotency_header:
                    otherwise = headers.get(hook.idempotency_header.lower())
                elif hook is not None:
                    otherwise = default_id(hook.scheme, headers, payload)
        except BadRecord as exc:
            raise InvalidInput.of(Problem("payload", str(exc))) from exc
        if mapped is None:
            return None, None
        submission_id = mapped.submission_id or otherwise
        run = None if submission_id is None else run_id(one.org_id, source_of(one.id), submission_id)
        return Mapped(mapped.inputs, submission_id, mapped.subject), run

    async def _check(self, org_id: str, definition: Definition) -> None:
        compile_rules(definition.rules)
        plan = await self._plans.plan(org_id, definition.workflow_name, definition.workflow_version)
        workflow = f"{definition.workflow_name} version {plan.version}"
        check_inputs(workflow, definition.inputs, plan.required, plan.known)
        if not definition.subject and (needing := requires_subject(plan.resolved)):
            fix = "write an expression that gives the id of the person, as of a webhook's payload"
            raise InvalidInput.of(Problem("subject", f"is missing, and workflow {needing} requires it", fix))


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
