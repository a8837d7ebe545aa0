"""The fold of ``quality-scores``: each score counts once in three series, and a series that changed says so.

The series of an answer's score are its scorer's, by the prompt's version, the workflow and the model. The rules,
whatever comes twice or late:

1. A scorer's score of an answer counts once: the first one. It is remembered for ``REMEMBERED_MS``.
2. A series is in the order of the log. Its window grows while the mean stays, see ``adwin``.
3. A change that is certain emits one ``QualityDrifted``, with the means before and after; and the window keeps what
   came after the change. There is none before ``LEAST_SCORES`` scores.
4. Answers that were compared with those of a reference are in one series, of their model: what is tested is whether
   they are equal, see ``schemas.tables.equality``. One ``QualityDrifted`` says that they no longer are; with another
   reference the test starts again.
5. A prompt has at most ``MOST_SERIES`` series: one more makes the one with the oldest newest score leave.

So the state, and each event, follow from the log alone.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from schemas.errors import BadRecord
from schemas.metrics import QUALITY_SCORES_TOTAL
from schemas.records.quality import AnswerScored, Compared, Drift, QualityDrifted
from schemas.tables import quality as entries
from schemas.tables.entry import BEGUN, Entry, entry
from schemas.tables.equality import limit_of, with_pair
from schemas.tables.quality import (
    SERIES,
    Change,
    Equality,
    Series,
    Value,
    answer_entity,
    parse_series_field,
    prompt_entity,
    series_field,
)
from schemas.timestamps import format_time
from streams.core.commands import Command, Count, Emit, ExpireAt
from streams.core.flat_fold import FlatFold
from streams.core.org_ids import check_org_id
from streams.core.quality.adwin import learned
from streams.core.state import State

#: The number of parts into which scores are counted.
TENTHS = 10
#: How many scores a histogram is of. With fewer, chance alone moves the population stability index above 0.1.
REFERENCE = 500


#: How late a repeat may come: a process that scores again does so within minutes.
REMEMBERED_MS = 86_400_000
#: The mean of fewer scores says nothing.
LEAST_SCORES = 30
#: The probability of a false cut at one look. Chosen by simulation: see ``make prove AREA=observability``.
DELTA = 0.2
MOST_SERIES = 64
#: So many changes of a series are kept, and sent again after a restore.
KEPT = 8
SOURCE = "/agentflow/quality"


def counted(histogram: Sequence[int], score: float) -> tuple[int, ...]:
    """Return a histogram with one more score; an empty one begins."""
    counts = list(histogram or (0,) * TENTHS)
    counts[min(TENTHS - 1, int(score * TENTHS))] += 1
    return tuple(counts)


class QualityFold(FlatFold[AnswerScored]):
    """The rules of the table ``quality``; see ``streams.core.state.Fold``."""

    def touches(self, event: AnswerScored) -> tuple[str, ...]:
        """Return the prompt's series and the answer."""
        return prompt_entity(event.group), answer_entity(event.call, event.scorer)

    def fold(self, state: State, event: AnswerScored, now_ms: int, offset: int) -> list[Command]:
        """Count a score. Raises ``BadRecord`` for names that may mean another entry."""
        check_org_id(event.org_id)
        if "/" in event.scorer:
            raise BadRecord("scorer", f"scorer {event.scorer!r} has '/'")
        answer = answer_entity(event.call, event.scorer)
        if state.get(answer, BEGUN) is not None:
            return [_count("repeated")]
        state.put(answer, BEGUN, 1)
        commands: list[Command] = [ExpireAt(answer, now_ms + REMEMBERED_MS), _count("counted")]
        if event.compared is not None:
            return [*commands, *_compare(state, event, event.compared)]
        for by, value in (("version", str(event.version)), ("workflow", event.workflow_name), ("model", event.model)):
            commands += _add(state, event, by, value)
        return commands

    def outstanding(self, state: State, entity: str, now_ms: int) -> list[Command]:
        """Return the newest events of each series: a restore does not know which of them were sent."""
        if not entity.startswith(entries.PROMPT_PREFIX):
            return []
        group = entity.removeprefix(entries.PROMPT_PREFIX)
        found: list[Command] = []
        for field in _series(state, entity):
            series = state.get(entity, field) or Series()
            reference = "" if series.equality is None else series.equality.reference
            found += [Emit(_event(group, field, change, reference)) for change in series.changes]
        return found

    def encode(self, entity: str, field: str, value: Value) -> bytes:
        """Return an entry's stored bytes."""
        return entries.encode(value)

    def decode(self, entity: str, field: str, data: bytes) -> Any:
        """Return what ``encode`` was given."""
        return entries.decode(field, data)


def _add(state: State, event: AnswerScored, by: str, value: str) -> list[Command]:
    entity, field = prompt_entity(event.group), series_field(event.scorer, by, value)
    series = state.get(entity, field)
    if series is None:
        _make_room(state, entity)
        series = Series()
    before = series.window
    window, changed = learned(before, event.score, DELTA)
    block = counted(series.block, event.score)
    full = sum(block) == REFERENCE
    changes = series.changes
    commands: list[Command] = []
    if changed and window.seen >= LEAST_SCORES:
        change = Change(
            at_ms=event.scored_at_ms,
            seen=window.seen,
            before=_cut_mean(before, event.score, window),
            after=window.mean,
            window=window.width,
            run_id=event.run_id,
        )
        changes = (*changes, change)[-KEPT:]
        commands = [Emit(_event(event.group, field, change)), _count("drifted")]
    series = Series(
        window=window,
        changes=changes,
        changed=series.changed + bool(commands),
        first=series.first or (block if full else ()),
        recent=block if full and series.first else series.recent,
        block=() if full else block,
        newest_ms=max(series.newest_ms, event.scored_at_ms),
    )
    state.put(entity, field, series)
    return commands


def _compare(state: State, event: AnswerScored, compared: Compared) -> list[Command]:
    """Add a pair to the series of its model."""
    entity, field = prompt_entity(event.group), series_field(event.scorer, "model", event.model)
    series = state.get(entity, field)
    if series is None:
        _make_room(state, entity)
        series = Series()
    before = series.equality
    if before is None or before.reference != compared.reference:
        limit = limit_of(compared.alpha, _compared_before(state, entity, field) + 1)
        # Changes are of a reference, which their events name.
        before, series = Equality(reference=compared.reference, limit=limit), replace(series, changes=())
    equality = with_pair(before, differs=event.score < 1, differs_most=compared.differs_most)
    window, _ = learned(series.window, event.score, DELTA)
    series = replace(series, window=window, equality=equality, newest_ms=max(series.newest_ms, event.scored_at_ms))
    commands: list[Command] = []
    if equality.diverged and not before.diverged:
        change = Change(
            at_ms=event.scored_at_ms,
            seen=window.seen,
            before=1.0,
            after=1 - equality.different / equality.pairs,
            window=equality.pairs,
            run_id=event.run_id,
        )
        series = replace(series, changes=(*series.changes, change)[-KEPT:], changed=series.changed + 1)
        commands = [Emit(_event(event.group, field, change, compared.reference)), _count("diverged")]
    state.put(entity, field, series)
    return commands


def _compared_before(state: State, entity: str, own: str) -> int:
    """Return how many other series of the prompt are of comparisons."""
    found = ((state.get(entity, field) or Series()).equality for field in _series(state, entity) if field != own)
    return sum(one is not None for one in found)


def _make_room(state: State, entity: str) -> None:
    """Let the series with the oldest newest score leave, if there are too many."""
    fields = _series(state, entity)
    if len(fields) >= MOST_SERIES:
        state.drop(entity, min(fields, key=lambda field: ((state.get(entity, field) or Series()).newest_ms, field)))


def _series(state: State, entity: str) -> list[Entry[Series]]:
    """Return the entries of a prompt's series, in one order."""
    return [entry(field) for field in sorted(state.fields(entity)) if field.startswith(SERIES)]


def _cut_mean(before: entries.Window, score: float, after: entries.Window) -> float:
    """Return the mean of the scores that were cut off."""
    width, total = before.width + 1 - after.width, before.total + score - after.total
    return total / width


def _event(group: str, field: str, change: Change, reference: str = "") -> QualityDrifted:
    org_id, _, prompt = group.partition(":")
    scorer, by, value = parse_series_field(field)
    drift = Drift(
        prompt=prompt,
        scorer=scorer,
        by=by,
        value=value,
        before=round(change.before, 6),
        after=round(change.after, 6),
        scores=change.seen,
        window=change.window,
        run_id=change.run_id,
        reference=reference,
    )
    return QualityDrifted(
        specversion="1.0",
        id=f"{prompt}/{scorer}/{by}/{value}/{change.seen}",
        source=SOURCE,
        subject=prompt,
        time=format_time(change.at_ms),
        datacontenttype="application/json",
        organisation=org_id,
        data=msgspec.to_builtins(drift),
    )


def _count(effect: str) -> Count:
    return Count(QUALITY_SCORES_TOTAL, (("effect", effect),))
