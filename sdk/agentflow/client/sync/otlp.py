# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Spans of other programs."""

from collections.abc import Mapping
from typing import Any

from agentflow.client.sync.resource import Resource
from agentflow.models import OtlpAnswer


class Otlp(Resource):
    """Spans in the OpenTelemetry protocol, for what no exporter sends: stored traces, programs without an SDK."""

    def send(self, request: Mapping[str, Any]) -> OtlpAnswer:
        """Store the spans of an ``ExportTraceServiceRequest`` in OTLP's JSON. The same spans may be sent again."""
        return self._ask(OtlpAnswer, "otlp.send", json=request, repeat=True)
