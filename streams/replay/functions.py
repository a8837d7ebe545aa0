"""What a verified replay does again as a worker does it: with arguments of the object store, and functions by name."""

from pathlib import Path
from typing import Any

from connectors.tools.context import ToolContext
from connectors.tools.registry import Registry
from schemas.errors import Rejected, StepError
from schemas.records.steps import FunctionCall, StepRequest
from schemas.spec.error_codes import SUBJECT_ERASED
from services.calls.ports import Objects
from services.runs.bound_args import bound_args
from streams.core.replay.effects import NotHere


class WorkerFunctions:
    """Calls pure functions, and nothing else: it has no way to a tool or a model."""

    def __init__(self, registry: Registry, documents_dir: Path, objects: Objects) -> None:
        self._registry = registry
        self._documents_dir = documents_dir
        self._objects = objects

    async def bind(self, request: StepRequest) -> dict[str, Any]:
        """Return an attempt's arguments with stored values filled in. Raises ``NotHere`` for one that is gone.

        Of an erased person it says ``erased``.
        """
        try:
            return await bound_args(self._objects, request)
        except (StepError, Rejected) as exc:
            if isinstance(exc, StepError) and exc.code == SUBJECT_ERASED:
                raise NotHere("erased") from exc
            raise NotHere("stored values that are gone") from exc

    async def call(self, request: StepRequest, args: dict[str, Any]) -> Any:
        """Call an attempt's function. Raises ``NotHere`` for one that this process lacks, and what it raises."""
        work = request.work
        if not isinstance(work, FunctionCall) or work.name not in self._registry.names("function"):
            raise NotHere(f"no function {getattr(work, 'name', '')}")
        context = ToolContext(
            org_id=request.org_id,
            run_id=request.run_id,
            step_id=request.step_id,
            idempotency_key=request.idempotency_key,
            documents_dir=self._documents_dir,
            objects=self._objects,
        )
        return await self._registry.call("function", work.name, args, context, work.config)
