"""The life of one batch at its provider: sent once, asked how it is, canceled, collected.

The invariant: **a batch is sent only when it is stored that it is, and again only when the provider surely has none of
it.** It is stored as ``submitting`` first. A process that finds it so asks the provider for it, by the name that our
metadata or its calls have, and sends it again only ``GRACE_MS`` after the last attempt, when no request is on its way.
"""

from connectors.ports.batches import LeaseLostError
from connectors.providers.batching.port import Job, Polled, surely_not_made
from schemas.batches import ProviderBatch
from schemas.errors import Rejected, StepError
from services.batches.collector import Collector
from services.batches.leased import Leased
from services.batches.ports import BatchPorts

#: Longer than any request that creates a batch takes, so that one without a trace was not made.
GRACE_MS = 420_000
#: After an error that another attempt may cure.
RETRY_MS = 30_000
#: Providers end a batch within 24 hours; later than this it is canceled.
LONGEST_MS = 25 * 3_600_000
#: A batch that cannot be asked about for so long is given up: its calls are presumed.
LOST_MS = 72 * 3_600_000


class Sender:
    """Takes leased batches one step on."""

    def __init__(self, ports: BatchPorts) -> None:
        self._ports = ports
        self._collector = Collector(ports)

    async def advance(self, batch: ProviderBatch) -> None:
        """Do what is due. Raises ``Unavailable``: nothing is lost, another process continues when the lease is over."""
        leased = Leased(batch, self._ports)
        try:
            await self._advance(leased)
        except LeaseLostError:
            return
        except Rejected as exc:
            await self._collector.refuse(leased, StepError("rejected", f"a question of the batch is gone: {exc}"))
        except StepError as exc:
            await self._failed(leased, exc)

    async def _advance(self, leased: Leased) -> None:
        match leased.batch.state:
            case "formed":
                await self._submit(leased)
            case "submitting":
                await self._find(leased)
            case _:
                await self._poll(leased)

    async def _submit(self, leased: Leased) -> None:
        members = await self._ports.store.members(leased.batch.id)
        wanted = [one for one in members if one.wanted and not leased.batch.cancel]
        if dropped := [one for one in members if not one.wanted]:
            # A file with them may be there; they may not be made any more.
            file_id = leased.batch.file_id
            await leased.change(file_id="")
            await leased.discard(file_id)
            await self._collector.drop(dropped)
        if not wanted:
            canceled = StepError("batch_canceled", "the batch was canceled before it was sent")
            await self._collector.refuse(leased, canceled, "canceled")
            return
        job = await leased.job(wanted)
        if leased.service.uploads and not leased.batch.file_id:
            file_id = await leased.service.upload(job)
            self._ports.reached("uploaded")
            await leased.change(file_id=file_id)
            self._ports.reached("upload_stored")
        await leased.change(state="submitting", attempted_ms=self._ports.clock.now_ms())
        self._ports.reached("submitting")
        await self._create(leased, job)

    async def _create(self, leased: Leased, job: Job) -> None:
        try:
            provider_id = await leased.service.create(job, leased.batch.file_id)
        except StepError as exc:
            if not surely_not_made(exc):
                await leased.leave(RETRY_MS, problem=str(exc))
                return
            if exc.retryable:
                await leased.leave(_wait_ms(exc), state="formed", problem=str(exc))
            else:
                await self._collector.refuse(leased, exc)
            return
        self._ports.reached("created")
        await self._submitted(leased, provider_id)

    async def _submitted(self, leased: Leased, provider_id: str) -> None:
        now_ms = self._ports.clock.now_ms()
        await leased.leave(
            self._ports.poll_ms,
            state="submitted",
            provider_id=provider_id,
            submitted_ms=now_ms,
            expires_ms=now_ms + LONGEST_MS,
            problem="",
        )
        self._ports.reached("submitted")
        self._ports.counts.sent(leased.batch.group.provider)

    async def _find(self, leased: Leased) -> None:
        batch, now_ms = leased.batch, self._ports.clock.now_ms()
        # Those that are open are those that were sent: the others were dropped before.
        names = await leased.names(await self._ports.store.members(batch.id))
        found = await leased.service.find(names, batch.attempted_ms)
        others = await self._ports.store.known([one.provider_id for one in found], batch.id)
        ours = [one for one in found if one.provider_id not in others]
        sure = next((one for one in ours if one.sure), None)
        if sure is not None:
            await self._submitted(leased, sure.provider_id)
        elif ours:
            await leased.leave(self._ports.poll_ms)
        elif now_ms < batch.attempted_ms + GRACE_MS:
            await leased.leave(batch.attempted_ms + GRACE_MS - now_ms)
        else:
            await leased.change(state="formed")
            await self._submit(leased)

    async def _poll(self, leased: Leased) -> None:
        batch, reached = leased.batch, self._ports.reached
        polled = await leased.service.poll(batch.provider_id, await leased.key())
        reached("polled")
        if polled.state != "open":
            await self._ended(leased, polled)
            return
        late = self._ports.clock.now_ms() > batch.expires_ms
        if (batch.cancel or late) and batch.state != "canceling":
            await leased.service.cancel(batch.provider_id, await leased.key())
            reached("cancel_sent")
            await leased.leave(self._ports.poll_ms, state="canceling")
            reached("cancel_stored")
            return
        await leased.leave(self._ports.poll_ms)
        reached("poll_stored")

    async def _ended(self, leased: Leased, polled: Polled) -> None:
        match polled.state:
            case "failed":
                said = f"the provider refused the batch: {polled.problem}; correct it, or set policy.batch to never"
                await self._collector.refuse(leased, StepError("batch_refused", said), "expired")
            case "lost":
                await self._lost(leased, polled.problem)
            case _:
                await self._collector.collect(leased, polled)

    async def _lost(self, leased: Leased, why: str) -> None:
        said = f"the provider no longer knows the batch: {why}; look for it in its console"
        await self._collector.refuse(leased, StepError("batch_lost", said, details={"outcome": "unknown"}))

    async def _failed(self, leased: Leased, error: StepError) -> None:
        """Try again later; what was never sent ends with an error that no attempt cures."""
        batch = leased.batch
        sent_ms = batch.attempted_ms if batch.state == "submitting" else batch.submitted_ms
        if not error.retryable and batch.state == "formed":
            await self._collector.refuse(leased, error)
        elif sent_ms and self._ports.clock.now_ms() > sent_ms + LOST_MS:
            await self._lost(leased, str(error))
        else:
            await leased.leave(_wait_ms(error), problem=str(error))


def _wait_ms(error: StepError) -> int:
    return max(RETRY_MS, error.retry_after_ms or 0)
