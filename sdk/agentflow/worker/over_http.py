"""A queue over HTTP: steps are leased by long polling."""

from typing import Any, Literal

import httpx

from agentflow.worker.errors import InvalidRequest
from agentflow.worker.steps import NOTHING, Outcome, Step
from agentflow.worker.transport import Transport

#: The most that the server gives at once.
MAX_LEASES = 32
WAIT_S = 20.0
Owner = Literal["organisation", "installation"]


class HttpQueue:
    """Leases of a queue. ``lease_s`` is how long a step of a worker that dies waits for the next one."""

    def __init__(
        self, url: str, key: str, name: str, worker_id: str, *, of: Owner = "organisation", lease_s: float = 30.0
    ) -> None:
        self.extend_every_s: float | None = lease_s / 3
        self._url = url
        self._key = key
        self._path = f"/api/v1/queues/{name}"
        self._of = {} if of == "organisation" else {"of": of}
        self._worker_id = worker_id
        self._lease_s = lease_s
        self._transport: Transport | None = None

    async def open(self) -> None:
        client = httpx.AsyncClient(base_url=self._url, headers={"Authorization": f"Bearer {self._key}"})
        self._transport = Transport(client)

    async def close(self) -> None:
        if self._transport is not None:
            await self._transport.close()

    async def take(self, most: int) -> list[Step]:
        wish = {"worker_id": self._worker_id, "max": min(most, MAX_LEASES), "lease_s": self._lease_s, "wait_s": WAIT_S}
        answer = await self._post("lease", wish, timeout_s=WAIT_S + 10)
        return [_step(leased) for leased in answer["leases"]]

    async def extend(self, step: Step, progress: Any = NOTHING) -> bool:
        more = {} if progress is NOTHING else {"progress": progress}
        answer = await self._post("heartbeat", {"lease": step.handle} | more)
        return bool(answer["canceled"])

    async def complete(self, step: Step, outcome: Outcome) -> None:
        try:
            await self._post("complete", {"lease": step.handle} | _said(outcome))
        except (InvalidRequest, TypeError, ValueError) as exc:
            if outcome.failure is not None:
                raise
            # The output is no JSON, or too large: that is how the step ended.
            error = {"code": "bad_output", "message": str(exc)[:2_000]}
            await self._post("complete", {"lease": step.handle, "error": error})

    async def release(self, step: Step) -> None:
        await self._post("release", {"lease": step.handle})

    async def _post(self, what: str, body: dict[str, Any], *, timeout_s: float = 10.0) -> dict[str, Any]:
        if self._transport is None:
            raise RuntimeError("open the queue first")
        return await self._transport.post(f"{self._path}/{what}", body | self._of, timeout_s=timeout_s)


def _step(leased: dict[str, Any]) -> Step:
    work = leased["work"]
    return Step(
        run_id=leased["run_id"],
        org_id=leased["org_id"],
        step_id=leased["step_id"],
        attempt=leased["attempt"],
        kind=work["kind"],
        name=work["name"],
        config=work["config"],
        args=leased["args"],
        idempotency_key=leased["idempotency_key"],
        timeout_s=None if leased["timeout_ms"] is None else leased["timeout_ms"] / 1000,
        starts=leased["starts"],
        progress=leased["progress"],
        on_unknown=leased["on_unknown"],
        handle=leased["lease"],
    )


def _said(outcome: Outcome) -> dict[str, Any]:
    failure = outcome.failure
    if failure is None:
        return {"output": outcome.output}
    error = {"code": failure.code, "message": failure.message, "retryable": failure.retryable}
    return {"error": error if failure.retry_after_ms is None else error | {"retry_after_ms": failure.retry_after_ms}}
