"""Events that are produced for an organisation that is in another cell."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

import pytest

from connectors.ports.engine import Headers, InRecord
from connectors.postgres.cells.places import Away
from schemas.cloudevents.submission import EVENT_TYPE, SIGNAL_TYPE, SUBJECT_ATTRIBUTE
from schemas.errors import Unavailable
from streams.roles.ingress import Ingress
from streams.roles.moved_events import MovedEvents

URL = "https://west.example"


class Nothing:
    """A path of submissions that nothing may take."""

    def __init__(self) -> None:
        self.prepared: list[str] = []

    async def refuse_unknowable(self, records: list[Any]) -> None:
        assert not records

    async def submit_all(self, records: list[Any]) -> list[Any]:
        assert not records
        return []

    async def prepare(self, org_id: str, source: str, event_id: str, *_: Any) -> Any:
        raise Unavailable("postgres", f"{org_id} is here")

    async def send(self, records: list[Any]) -> None:
        assert not records


class Site:
    """An ingress, the places of organisations, and what was put aside."""

    def __init__(self, *left: Away) -> None:
        self.left = {one.org_id: one for one in left}
        self.letters: list[tuple[InRecord, str, str]] = []
        nothing = cast("Any", Nothing())
        self.ingress = Ingress(nothing, nothing, self._letter, None, MovedEvents(self._left))

    async def _left(self, org_ids: Iterable[str]) -> Mapping[str, Away]:
        return {one: self.left[one] for one in org_ids if one in self.left}

    async def _letter(self, record: InRecord, reason: str, message: str) -> None:
        self.letters.append((record, reason, message))


def away(org_id: str = "acme", **forwarded: int) -> Away:
    return Away(org_id, "left", "west", URL, {name.removeprefix("p"): end for name, end in forwarded.items()})


def event(offset: int, org_id: str = "acme", partition: int = 0, **fields: Any) -> InRecord:
    body = {"specversion": "1.0", "id": f"e-{offset}", "source": "/s", "type": EVENT_TYPE, "data": {"a": 1}} | fields
    headers: Headers = (("x-mine", b"1"),)
    return InRecord(f"workflow-submissions.{org_id}", partition, offset, 7, b"k", json.dumps(body).encode(), headers)


@pytest.mark.parametrize("kind", [EVENT_TYPE, SIGNAL_TYPE])
async def test_an_event_after_the_switch_is_put_aside_as_it_is_and_names_the_other_cell(kind: str) -> None:
    site, record = Site(away()), event(9, type=kind)
    await site.ingress.write([record])
    ((kept, reason, message),) = site.letters
    assert (kept, reason) == (record, "org_moved")
    assert "organisation acme is in the cell west now" in message
    assert URL in message


async def test_what_the_move_sent_on_is_neither_a_run_nor_put_aside() -> None:
    site = Site(away(p0=10, p1=3))
    await site.ingress.write([event(9), event(10), event(2, partition=1), event(3, partition=1), event(0, partition=2)])
    assert [(one.partition, one.offset) for one, _, _ in site.letters] == [(0, 10), (1, 3), (2, 0)]


async def test_events_of_organisations_that_are_here_are_taken_and_a_batch_is_put_aside_once() -> None:
    site = Site(away())
    with pytest.raises(Unavailable, match="other is here"):
        await site.ingress.write([event(1), event(2, "other", data={"workflow_name": "w", "inputs": {}})])
    assert not site.letters, "nothing is put aside before the whole batch can be taken"


async def test_a_persons_data_in_clear_are_not_kept_among_dead_letters_either() -> None:
    site = Site(away())
    await site.ingress.write([event(1, **{SUBJECT_ATTRIBUTE: "ada"}, data={"name": "Ada Lovelace"})])
    ((kept, reason, _),) = site.letters
    assert (kept.key, kept.value, kept.headers) == (None, None, ())
    assert reason != "org_moved"


async def test_what_is_no_event_says_so() -> None:
    site = Site(away())
    await site.ingress.write([event(1)._replace(value=b"{")])
    assert [reason for _, reason, _ in site.letters] == ["json"]
