"""Runs whose data has labels, in a whole system: what a submission would pin is written to the log as it is."""

import uuid
from collections.abc import Mapping
from typing import Any

import httpx
from msgspec import structs

from deploy.local.system import System
from schemas.policies.read import read_policy
from schemas.records.base import Json
from schemas.records.definitions import AuditEvent, Definition
from schemas.records.run_events import RunSubmitted
from schemas.records.security.pinned import RunSecurity, ToolSecurity
from schemas.spec.rules_version import LABELS
from streams.runtime.routing import to_out
from tests.support.client import submit
from tests.support.polling import until
from tests.support.topics import Message, produce, read_decoded
from topics.catalogue import AUDIT_EVENTS, RUN_EVENTS


class SecuredRuns:
    """Starts runs like a first one, which has no policy, under one. ``tools`` are what is declared of its tools."""

    def __init__(
        self,
        system: System,
        first: dict[str, Json],
        document: Mapping[str, Json],
        tools: dict[str, ToolSecurity],
    ) -> None:
        self._bootstrap = system.endpoints.kafka_bootstrap
        self._policy, self._tools = read_policy(document), tools
        with system.client() as client:
            self._like = self._first(client, first)
        body = self._policy.document
        self._say(Definition(kind="policy", org_id=self._like.org_id, id="guard", body=body, changed_at_ms=1))

    def start(self, inputs: dict[str, Any], labels: dict[str, list[str]]) -> str:
        """Start a run whose inputs have these labels; return its id."""
        run_id = str(uuid.uuid4())
        pinned = RunSecurity(
            policy=f"{self._policy.name}@1", policy_hash=self._policy.hash, inputs=labels, tools=self._tools
        )
        more: dict[str, Any] = {"run_id": run_id, "inputs": inputs, "security": pinned, "rules_version": LABELS}
        self._say(structs.replace(self._like, submission_id=None, traceparent=None, **more))
        return run_id

    def audited(self, run_id: str | None = None) -> list[AuditEvent]:
        """Return what the audit log has of a run, or of all, without what concerns none."""
        found = [one for one in read_decoded(self._bootstrap, AUDIT_EVENTS) if isinstance(one, AuditEvent)]
        return [one for one in found if one.run_id and run_id in (None, one.run_id)]

    def _first(self, client: httpx.Client, first: dict[str, Json]) -> RunSubmitted:
        """Return how a run of the workflow is submitted."""
        run_id = submit(client, first)

        def recorded() -> RunSubmitted | None:
            events = read_decoded(self._bootstrap, RUN_EVENTS)
            return next((one for one in events if isinstance(one, RunSubmitted) and one.run_id == run_id), None)

        return until(recorded, 30.0, f"run {run_id} is in the log")

    def _say(self, record: Any) -> None:
        out = to_out(record)
        produce(self._bootstrap, [Message(out.topic, out.key, out.value)])
