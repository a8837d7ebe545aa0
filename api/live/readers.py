"""What one caller may read along of a run, see ``api.live.along``."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.caller import Caller
from api.live.along import Along
from api.reading import reader_of, reading_of, record, shown_steps, subject_of
from api.render import runs as render
from api.services import Services
from connectors.postgres.history.runs import StoredStep
from schemas.api_models.runs import StepAnswer
from schemas.errors import AgentFlowError
from schemas.records.token_pieces import TokenPieces
from services.security.policies.reading import labels_of
from services.security.policies.restoring import ReaderRestore, Shown


async def along_of(parts: Services, who: Caller, run_id: str, since: int) -> Along:
    """Return the reader's part of a stream that follows a run from a version on. Raises ``Unavailable``."""
    reading = await reading_of(parts, who)
    restore = await parts.security.restores.of(who.org_id, reader_of(who))
    reader = _Reader(parts, who, run_id)
    return Along(
        org_id=who.org_id,
        run_id=run_id,
        steps=parts.runs.steps,
        shown=reader.shown,
        restore=None if restore is None else reader.restored,
        pieces=reading is None,
        since=since,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    parts: Services
    who: Caller
    run_id: str

    async def shown(self, steps: Sequence[StoredStep]) -> list[StepAnswer]:
        found = await shown_steps(self.parts, self.who, self.run_id, list(steps))
        return [render.step_answer(one, with_output=True) for one in found]

    async def restored(self, text: str, found: TokenPieces) -> str:
        """Return a text with the values that the reader may see. What cannot be decided keeps its tokens."""
        try:
            # Rules and the reader's permissions are those of now, as for every other answer.
            restore = await self.parts.security.restores.of(self.who.org_id, reader_of(self.who))
            return text if restore is None else await self._values(restore, text, found)
        except AgentFlowError:
            return text

    async def _values(self, restore: ReaderRestore, text: str, found: TokenPieces) -> str:
        run = await self.parts.runs.history.status(self.who.org_id, self.run_id)
        if run is None:
            return text
        # Its label is known when it is whole; until then it is the least trusted.
        shown = Shown(text, labels_of(None).whole, "step", found.step_id, found.node_id)
        values = await restore.values(subject_of(run), [shown])
        await record(self.parts, self.who, restore, self.run_id)
        return str(values[0])
