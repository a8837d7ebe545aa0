"""Spans of other programs."""

from collections.abc import Mapping
from typing import Any

from agentflow.client.aio.resource import AsyncResource
from agentflow.models import OtlpAnswer


class AsyncOtlp(AsyncResource):
    """Spans in the OpenTelemetry protocol, for what no exporter sends: stored traces, programs without an SDK."""

    async def send(self, request: Mapping[str, Any]) -> OtlpAnswer:
        """Store the spans of an ``ExportTraceServiceRequest`` in OTLP's JSON. The same spans may be sent again."""
        return await self._ask(OtlpAnswer, "otlp.send", json=request, repeat=True)
