"""Quality: each series has each answer's first score, and what changed was said, once and in equal words."""

from collections.abc import Iterator
from typing import Any

import msgspec

from schemas.records.quality import AnswerScored, QualityDrifted
from schemas.tables.quality import PROMPT_PREFIX, Series, parse_series_field
from streams.core.quality.adwin import learned
from streams.core.quality.fold import DELTA, LEAST_SCORES
from tests.simulation.world.world import World
from topics import catalogue
from topics.codec import decode


def check(world: World) -> Iterator[str]:
    """Yield what is wrong with the series."""
    if not world.scores:
        return
    said = [decode(r.topic, r.value) for r in world.log.everything(catalogue.QUALITY_SCORES)]
    events = [decode(r.topic, r.value) for r in world.log.everything(catalogue.events_topic("acme"))]
    first: dict[str, AnswerScored] = {}
    for one in said:
        first.setdefault(one.call, one)
    series = dict(_stored(world))
    wanted: dict[str, dict[str, Any]] = {}
    for (by, value), scores in _by_series(first.values()).items():
        found = series.pop((by, value), None)
        if found is None:
            yield f"there is no series of {by} {value}"
            continue
        if found.window.seen != len(scores):
            yield f"the series of {by} {value} has {found.window.seen} scores, and the log has {len(scores)}"
        wanted |= _changes(by, value, scores)
    if series:
        yield f"series of nothing: {sorted(series)}"
    yield from _events([one for one in events if isinstance(one, QualityDrifted)], wanted)


def _stored(world: World) -> Iterator[tuple[tuple[str, str], Series]]:
    table = world.tables[catalogue.QUALITY_SCORES]
    for partition in range(world.partitions):
        entities, _, _ = table.contents(partition)
        for name, fields in entities.items():
            for field, data in fields.items() if name.startswith(PROMPT_PREFIX) else ():
                _, by, value = parse_series_field(field)
                yield (by, value), msgspec.msgpack.decode(data, type=Series)


def _by_series(answers: Any) -> dict[tuple[str, str], list[AnswerScored]]:
    found: dict[tuple[str, str], list[AnswerScored]] = {}
    for one in answers:
        for of in (("version", str(one.version)), ("workflow", one.workflow_name), ("model", one.model)):
            found.setdefault(of, []).append(one)
    return found


def _changes(by: str, value: str, scores: list[AnswerScored]) -> dict[str, dict[str, Any]]:
    """Return the data of the events that a series must have, by id."""
    window, found = Series().window, {}
    for one in scores:
        kept = window.width + 1
        window, changed = learned(window, one.score, DELTA)
        if changed and window.seen >= LEAST_SCORES:
            cut = scores[window.seen - kept : window.seen - window.width]
            before = sum(other.score for other in cut) / len(cut)
            found[f"{one.prompt}/{one.scorer}/{by}/{value}/{window.seen}"] = {"before": before, "after": window.mean}
    return found


def _events(events: list[QualityDrifted], wanted: dict[str, dict[str, Any]]) -> Iterator[str]:
    by_id: dict[str, QualityDrifted] = {}
    for event in events:
        if by_id.setdefault(event.id, event) != event:
            yield f"{event.id} was said in two ways: {event} and {by_id[event.id]}"
    if by_id.keys() != wanted.keys():
        yield f"changes {sorted(by_id.keys() ^ wanted.keys())} were said for nothing, or not said"
    for name, data in wanted.items():
        said = by_id[name].data if name in by_id else None
        if isinstance(said, dict) and any(abs(float(str(said[key])) - data[key]) > 1e-5 for key in data):
            yield f"{name} says {said}, and the log {data}"
