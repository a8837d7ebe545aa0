"""Anthropic's message batches. A batch has no name of ours, only its calls have, and results alone show these."""

from datetime import datetime
from typing import Any

from pydantic import SecretStr

from connectors.providers.batching.exchanges import LONG_S, PAGE, PAGES, Exchanges, is_unknown_here
from connectors.providers.batching.port import Candidate, Job, LineResult, Polled
from connectors.providers.http_errors import status_of_error
from connectors.providers.json_body import json_text
from connectors.providers.wire import an_object, objects, text_of
from schemas.errors import StepError

_PATH = "messages/batches"
#: Clocks of ours and theirs differ by less.
_SKEW_MS = 300_000


class AnthropicBatches(Exchanges):
    """``/messages/batches``: at most 100,000 calls and 256 MB, within 24 hours."""

    uploads = False

    async def upload(self, job: Job) -> str:
        raise LookupError("message batches upload nothing")

    async def create(self, job: Job, file_id: str) -> str:
        requests = [{"custom_id": one.custom_id, "params": one.body} for one in job.lines]
        # It carries all questions, as an upload does.
        return self._id_of(await self._post(_PATH, {"requests": requests}, job.key, job.id, LONG_S), "a batch")

    async def find(self, job: Job, since_ms: int) -> list[Candidate]:
        """Return the batches of as many calls; one that has ended shows by its results whether it is this one."""
        found: list[Candidate] = []
        async for one in self._since(since_ms - _SKEW_MS, job.key):
            if sum(_counts(one)) != len(job.lines):
                continue
            provider_id = self._id_of(one, "a batch")
            if one.get("processing_status") != "ended":
                found.append(Candidate(provider_id, sure=False))
            elif await self._names(provider_id, job):
                return [Candidate(provider_id, sure=True)]
        return found

    async def poll(self, provider_id: str, key: SecretStr | None) -> Polled:
        try:
            found = await self._get(f"{_PATH}/{provider_id}", key)
        except StepError as exc:
            if is_unknown_here(exc):
                return Polled("lost", problem=str(exc))
            raise
        if found.get("processing_status") != "ended":
            return Polled("open")
        return Polled("ended", (provider_id,))

    async def results(self, polled: Polled, key: SecretStr | None) -> list[LineResult]:
        return [self._result(line) for file in polled.files for line in await self._results_of(file, key)]

    async def cancel(self, provider_id: str, key: SecretStr | None) -> None:
        await self._post(f"{_PATH}/{provider_id}/cancel", {}, key)

    async def discard(self, file_id: str, key: SecretStr | None) -> None:
        """Do nothing: a batch has no files that could be removed."""

    async def _results_of(self, provider_id: str, key: SecretStr | None) -> list[dict[str, Any]]:
        return await self._lines(f"{_PATH}/{provider_id}/results", key)

    async def _names(self, provider_id: str, job: Job) -> bool:
        first = next(iter(await self._results_of(provider_id, job.key)), {})
        return text_of(first.get("custom_id")) in {line.custom_id for line in job.lines}

    async def _since(self, since_ms: int, key: SecretStr | None) -> Any:
        """Yield the batches that were made since a time, newest first."""
        after = ""
        for _ in range(PAGES):
            page = await self._get(f"{_PATH}?limit={PAGE}{after}", key)
            listed = objects(page.get("data"))
            for one in listed:
                if _made_ms(one) < since_ms:
                    return
                yield one
            if not page.get("has_more") or not listed:
                return
            after = f"&after_id={self._id_of(listed[-1], 'a batch')}"

    def _result(self, line: dict[str, Any]) -> LineResult:
        name, result = text_of(line.get("custom_id")), an_object(line.get("result"))
        match result.get("type"):
            case "succeeded":
                return LineResult(name, "answered", result.get("message"))
            case "expired":
                return LineResult(name, "expired")
            case "canceled":
                return LineResult(name, "canceled")
        error = an_object(result.get("error"))
        status = status_of_error(error) or 500
        # The service says that it did not make the call: nothing is unknown, as it is when a gateway's time is up.
        refused = self._provider.refusal(500 if status == 504 else status, json_text(error).encode())
        return LineResult(name, "failed", error=refused)


def _counts(batch: dict[str, Any]) -> list[int]:
    return [count for count in an_object(batch.get("request_counts")).values() if isinstance(count, int)]


def _made_ms(batch: dict[str, Any]) -> float:
    """Return when a batch was made; a time that cannot be read is as good as now."""
    try:
        return datetime.fromisoformat(text_of(batch.get("created_at"))).timestamp() * 1000
    except ValueError:
        return float("inf")
