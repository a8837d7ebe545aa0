"""Places of organisations are read once a second, and not trusted when they are old."""

from typing import Any

import pytest

from connectors.postgres.cells.places import FRESH_S, STALE_S, Places
from schemas.errors import OrganisationLeft, OrganisationMoving, Unavailable


class Rows:
    """PostgreSQL with these rows; ``down`` answers nothing."""

    def __init__(self) -> None:
        self.rows: list[dict[str, str]] = []
        self.asked = 0
        self.down = False

    async def fetch(self, what: str, query: str) -> list[Any]:
        self.asked += 1
        if self.down:
            raise Unavailable("postgres", what)
        return list(self.rows)


class Clock:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def places(rows: Rows, clock: Clock) -> Places:
    return Places(rows, clock)  # type: ignore[arg-type]


def row(org_id: str, place: str) -> dict[str, str]:
    return {"org_id": org_id, "place": place, "cell": "b", "url": "https://b.example"}


async def test_one_that_leaves_is_answered_and_its_submissions_are_not_taken(places: Places, rows: Rows) -> None:
    rows.rows = [row("acme", "leaving")]
    await places.check("acme")
    refused = await places.refused(["acme", "other"])
    assert list(refused) == ["acme"]
    assert refused["acme"].retry_after_s > 0


@pytest.mark.parametrize("place", ["frozen", "arriving"])
async def test_one_that_is_being_copied_is_not_answered(places: Places, rows: Rows, place: str) -> None:
    rows.rows = [row("acme", place)]
    with pytest.raises(OrganisationMoving, match="acme is being moved"):
        await places.check("acme")


async def test_one_that_left_is_answered_with_the_address_of_its_cell(places: Places, rows: Rows) -> None:
    rows.rows = [row("acme", "left")]
    with pytest.raises(OrganisationLeft, match="in the cell b now") as caught:
        await places.check("acme")
    assert caught.value.url == "https://b.example"


async def test_places_are_read_once_a_second(places: Places, rows: Rows, clock: Clock) -> None:
    for _ in range(5):
        await places.check("acme")
    assert rows.asked == 1
    clock.at += FRESH_S
    rows.rows = [row("acme", "frozen")]
    with pytest.raises(OrganisationMoving):
        await places.check("acme")


async def test_what_is_known_stands_a_moment_without_the_database(places: Places, rows: Rows, clock: Clock) -> None:
    await places.check("acme")
    rows.down = True
    clock.at += STALE_S
    await places.check("acme")
    clock.at += 0.1
    with pytest.raises(Unavailable):
        await places.check("acme")
    with pytest.raises(Unavailable):
        await places.refused(["acme"])


async def test_before_the_first_look_everybody_may_be_away(places: Places, rows: Rows) -> None:
    assert places.waits("acme")
    await places.away("other")
    assert not places.waits("acme")
    rows.down = True
    fresh = Places(rows)  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        await fresh.check("acme")


@pytest.mark.parametrize("place", ["leaving", "frozen", "arriving"])
async def test_events_wait_until_it_is_known_where_their_organisation_is(
    places: Places, rows: Rows, place: str
) -> None:
    rows.rows = [row("acme", place)]
    assert await places.left(["acme"]) == {}
    assert places.waits("acme")
    rows.rows = [row("acme", "left")]
    await places.left(["acme"])
    assert places.waits("acme"), "the look is still young"


async def test_one_that_left_is_looked_up_again_before_its_events_are_put_aside(
    places: Places, rows: Rows, clock: Clock
) -> None:
    rows.rows = [row("acme", "left"), row("other", "frozen")]
    found = await places.left(["acme", "other", "third"])
    assert list(found) == ["acme"]
    assert not places.waits("acme")
    rows.rows = []
    assert await places.left(["acme"]) == {}, "it came back a moment ago"
    assert await places.away("acme") is None
    rows.rows = [row("acme", "left")]
    clock.at += FRESH_S
    await places.away("acme")
    rows.down = True
    with pytest.raises(Unavailable):
        await places.left(["acme"])
