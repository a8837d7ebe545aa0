"""OpenAI's batches: a file of calls, a batch over it, files of results. A batch carries our id in its metadata."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from connectors.providers.batching.exchanges import PAGE, PAGES, Exchanges, is_unknown_here, json_line
from connectors.providers.batching.port import Candidate, Job, Line, LineResult, Polled
from connectors.providers.http_provider import HttpProvider
from connectors.providers.json_body import json_text
from connectors.providers.wire import an_object, objects, text_of
from schemas.errors import StepError

#: The metadata that names a batch; a submission with an unknown outcome is found by it.
OUR_ID = "agentflow_batch"
_ENDED = ("completed", "expired", "cancelled")
#: Calls that the service did not make have one of these codes in the file of errors.
_NOT_MADE = {"batch_expired": "expired", "batch_cancelled": "canceled", "batch_canceled": "canceled"}


class OpenAIBatches(Exchanges):
    """``POST /files``, then ``/batches``; at most 50,000 calls and 200 MB."""

    uploads = True

    def __init__(self, provider: HttpProvider, base_url: str) -> None:
        super().__init__(provider)
        self._root = urlsplit(base_url).path.rstrip("/")

    async def upload(self, job: Job) -> str:
        data = b"".join(map(self._line, job.lines))
        return self._id_of(await self._upload(f"{job.id}.jsonl", data, job.key), "a file")

    async def create(self, job: Job, file_id: str) -> str:
        body = {
            "input_file_id": file_id,
            "endpoint": self._url(job.lines[0]),
            "completion_window": "24h",
            "metadata": {OUR_ID: job.id},
        }
        return self._id_of(await self._post("batches", body, job.key, job.id), "a batch")

    async def find(self, job: Job, since_ms: int) -> list[Candidate]:
        after = ""
        for _ in range(PAGES):
            page = await self._get(f"batches?limit={PAGE}{after}", job.key)
            listed = objects(page.get("data"))
            for one in listed:
                if an_object(one.get("metadata")).get(OUR_ID) == job.id:
                    return [Candidate(self._id_of(one, "a batch"), sure=True)]
            if not page.get("has_more") or not listed or _is_before(listed[-1], since_ms):
                break
            after = f"&after={self._id_of(listed[-1], 'a batch')}"
        return []

    async def poll(self, provider_id: str, key: SecretStr | None) -> Polled:
        try:
            found = await self._get(f"batches/{provider_id}", key)
        except StepError as exc:
            if is_unknown_here(exc):
                return Polled("lost", problem=str(exc))
            raise
        status = found.get("status")
        if status == "failed":
            return Polled("failed", problem=_problems(found))
        if status not in _ENDED:
            # Also a status that is new: taken for the end, it would settle calls that are still made at nothing.
            return Polled("open")
        files = (found.get("output_file_id"), found.get("error_file_id"))
        return Polled("ended", tuple(one for one in files if isinstance(one, str) and one))

    async def results(self, polled: Polled, key: SecretStr | None) -> list[LineResult]:
        return [self._result(line) for file in polled.files for line in await self._lines(f"files/{file}/content", key)]

    async def cancel(self, provider_id: str, key: SecretStr | None) -> None:
        await self._post(f"batches/{provider_id}/cancel", {}, key)

    async def discard(self, file_id: str, key: SecretStr | None) -> None:
        try:
            await self._delete(f"files/{file_id}", key)
        except StepError as exc:
            if not is_unknown_here(exc):
                raise

    def _result(self, line: dict[str, Any]) -> LineResult:
        name, response, error = text_of(line.get("custom_id")), an_object(line.get("response")), line.get("error")
        status = response.get("status_code")
        if status == 200:
            return LineResult(name, "answered", response.get("body"))
        code = text_of(an_object(error).get("code"))
        if code in _NOT_MADE:
            return LineResult(name, "expired" if _NOT_MADE[code] == "expired" else "canceled")
        body = response.get("body") if isinstance(status, int) else {"error": error}
        refused = self._provider.refusal(status if isinstance(status, int) else 500, json_text(body).encode())
        return LineResult(name, "failed", error=refused)

    def _line(self, line: Line) -> bytes:
        return json_line({"custom_id": line.custom_id, "method": "POST", "url": self._url(line), "body": line.body})

    def _url(self, line: Line) -> str:
        return f"{self._root}/{line.path}"


def _is_before(batch: dict[str, Any], since_ms: int) -> bool:
    created = batch.get("created_at")
    return isinstance(created, int) and created * 1000 < since_ms


def _problems(batch: dict[str, Any]) -> str:
    said: Sequence[dict[str, Any]] = objects(an_object(batch.get("errors")).get("data"))
    texts = [text_of(one.get("message")) or text_of(one.get("code")) for one in said[:3]]
    return "; ".join(text for text in texts if text) or "the provider says no reason"
