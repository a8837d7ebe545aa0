"""Moves organisations to other cells, step by step; a process that dies is followed by another one.

planned     the target is asked whether it can take the organisation
draining    submissions are refused; wait until every process knows it and nothing is open
drained     nothing is answered; wait until every process knows it and all stores have what the log has
copying     copy, compare; killed here, the copy begins again
compared    the source decides to switch: from here on only the target can call it off
switching   events that wait and dead letters of events are sent, the target opens
switched    requests are sent to the target
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping

from connectors.aio.cancel import end
from connectors.http.cell_client import CellClient
from connectors.postgres.cells.moves import Moves, StoredMove
from schemas.cells.moves import MoveState, following, may_abort
from schemas.errors import AgentFlowError, Conflict, TryLater
from services.cells.caught_up import CaughtUp
from services.cells.copying import Copy
from services.cells.planning import Planning
from services.cells.site import CellSite

logger = logging.getLogger(__name__)

IDLE_S = 1.0
LEASE_S = 20.0
RENEW_S = 5.0
RETRY_S = 2.0
#: A reader that is down shows in its own alert; the move waits for its time limit.
CATCH_UP_S = 20.0

Step = Callable[[StoredMove], Awaitable[StoredMove | None]]


class Mover:
    """Works on the moves of one cell. ``settle_s`` is how long other processes may not know of a change."""

    def __init__(
        self,
        moves: Moves,
        site: CellSite,
        peers: Mapping[str, CellClient],
        planning: Planning,
        *,
        name: str,
        settle_s: float,
    ) -> None:
        self._moves = moves
        self._site = site
        self._peers = peers
        self._planning = planning
        self._name = name
        self._settle_s = settle_s
        self._caught_up = CaughtUp(site.bootstrap, site.money)
        self._holder = uuid.uuid4().hex
        self._steps: Mapping[MoveState, Step] = {
            "planned": self._planned,
            "draining": self._draining,
            "drained": self._drained,
            "copying": self._copying,
            "compared": self._compared,
            "switching": self._switching,
        }

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                worked = await self.work_once()
            except TryLater as exc:
                logger.warning("moves wait: %s", exc, extra={"action": "moves_wait"})
                worked = False
            await asyncio.sleep(0 if worked else IDLE_S)

    async def work_once(self) -> bool:
        """Do one step of a move; return whether there was one that got on. Raises ``Unavailable``."""
        move = await self._moves.lease(self._holder, LEASE_S)
        if move is None:
            return False
        keeping = asyncio.create_task(self._keep(move.id))
        try:
            return await self._step(move)
        finally:
            await end(keeping)

    async def _step(self, move: StoredMove) -> bool:
        try:
            if move.abort and may_abort(move.state):
                return await self._aborted(move, move.problem or "aborted by request")
            return await self._steps[move.state](move) is not None
        except Conflict as exc:
            return await self._refused(move, exc)
        except (AgentFlowError, LookupError, OSError) as exc:
            if move.late and may_abort(move.state):
                return await self._aborted(move, f"the time was over: {exc}")
            # Nothing is lost: the step is done again, by this process or another one.
            await self._moves.note(move, f"{move.state}: {exc}")
            await asyncio.sleep(RETRY_S)
            return False

    async def _refused(self, move: StoredMove, exc: Conflict) -> bool:
        """End a move that the target, or a difference, refuses; one that may be open there is asked again."""
        logger.error("move %s: %s", move.id, exc, extra={"action": "move_refused", "org_id": move.org_id})
        if may_abort(move.state):
            return await self._aborted(move, str(exc))
        await self._moves.note(move, f"{move.state}: {exc}")
        await asyncio.sleep(RETRY_S)
        return False

    async def _aborted(self, move: StoredMove, problem: str) -> bool:
        changed = await self._to(move, "aborted", problem=problem)
        if changed is not None and move.state != "planned":
            try:
                await self._copy(move).discard()
            except AgentFlowError as exc:
                # It never opens without an order, and the next move replaces it.
                logger.warning("the copy of move %s stays in the target: %s", move.id, exc)
        return changed is not None

    async def _planned(self, move: StoredMove) -> StoredMove | None:
        await self._planning.check(move.org_id, self._peer(move))
        await self._copy(move).announce()
        await self._planning.say(move)
        return await self._next(move)

    async def _draining(self, move: StoredMove) -> StoredMove | None:
        if self._unsettled(move):
            return None
        opened = await self._open_work(move)
        if not opened:
            return await self._next(move)
        if move.late:
            raise Conflict(f"open when the time was over: {opened}")
        await self._moves.note(move, f"open: {opened}")
        return None

    async def _drained(self, move: StoredMove) -> StoredMove | None:
        if self._unsettled(move):
            return None
        if opened := await self._open_work(move):
            if move.late:
                raise Conflict(f"open after it was drained: {opened}")
            await self._moves.note(move, f"waits for {opened}")
            return None
        return await self._next(move)

    async def _copying(self, move: StoredMove) -> StoredMove | None:
        if move.report.get("begun") == move.attempt:
            # It was begun by a process that died, or failed: each copy has a number of its own.
            return await self._to(move, "copying", report={"begun": 0})
        begun = await self._moves.report(move, self._holder, {"begun": move.attempt})
        if begun is None:
            return None
        report = await self._copy(begun).make()
        return await self._next(begun, report)

    async def _compared(self, move: StoredMove) -> StoredMove | None:
        return await self._next(move)

    async def _switching(self, move: StoredMove) -> StoredMove | None:
        copy = self._copy(move)
        if move.abort:
            await copy.discard()
            return await self._to(move, "aborted", problem="aborted by request; the target had not opened")
        forwarded = await copy.forward_events()
        await copy.forward_letters()
        await copy.open()
        # What comes to the topic from now on is put aside by the ingress; what was sent on is not.
        return await self._next(move, {"forwarded": {str(partition): end for partition, end in forwarded.items()}})

    async def _open_work(self, move: StoredMove) -> str:
        behind = await self._caught_up.wait(CATCH_UP_S)
        if behind:
            return ", ".join(f"{one.reader} is behind on {one.topic}" for one in behind)
        found = await self._site.work.of(move.org_id)
        if held := await self._site.money.held(move.org_id):
            found["amounts held for calls"] = held
        return ", ".join(f"{count} {what}" for what, count in found.items())

    def _unsettled(self, move: StoredMove) -> bool:
        return move.in_state_s < self._settle_s

    def _copy(self, move: StoredMove) -> Copy:
        return Copy(self._site, self._peer(move), move, self._name)

    def _peer(self, move: StoredMove) -> CellClient:
        found = self._peers.get(move.to_cell)
        if found is None:
            raise LookupError(f"cell {move.to_cell} is not in CELLS_FILE any more")
        return found

    async def _next(self, move: StoredMove, report: Mapping[str, object] | None = None) -> StoredMove | None:
        return await self._to(move, following(move.state), report=report)

    async def _to(
        self, move: StoredMove, to: MoveState, *, problem: str = "", report: Mapping[str, object] | None = None
    ) -> StoredMove | None:
        changed = await self._moves.advance(move, self._holder, to, problem=problem, report=report)
        if changed is not None:
            said = f": {problem}" if problem else ""
            logger.info(
                "organisation %s to cell %s: %s%s", move.org_id, move.to_cell, to, said, extra={"action": "move_state"}
            )
        return changed

    async def _keep(self, move_id: str) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await self._moves.renew(move_id, self._holder, LEASE_S)
            except TryLater as exc:
                logger.warning("the lease of a move cannot be renewed: %s", exc, extra={"action": "wait"})
