"""What is compared, the parts of money, and what is sent before the other cell opens."""

from collections.abc import AsyncGenerator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.errors import Unavailable
from services.cells.copying import Copy, Different, compare
from services.cells.parts import FIELDS_OF_PART
from services.cells.site import money_parts

SAME = {"postgres workflow_run": "3 rows, 1-2", "money": "2 entries, ab"}


def test_equal_digests_pass() -> None:
    compare(SAME, dict(SAME), dict(SAME))


def test_a_difference_names_the_table_with_both_sides() -> None:
    with pytest.raises(Different, match=r"postgres workflow_run \(here 3 rows, 1-2, there 2 rows, 1-2\)"):
        compare(SAME, SAME, SAME | {"postgres workflow_run": "2 rows, 1-2"})


def test_a_table_that_is_missing_there_is_a_difference() -> None:
    with pytest.raises(Different, match="money"):
        compare(SAME, SAME, {"postgres workflow_run": SAME["postgres workflow_run"]})


def test_what_changed_here_meanwhile_makes_the_copy_again() -> None:
    with pytest.raises(Unavailable, match="postgres workflow_run changed"):
        compare(SAME, SAME | {"postgres workflow_run": "4 rows, 1-2"}, SAME)


def test_money_is_in_two_records_at_least_and_each_entry_in_one() -> None:
    fields = {f"f{n}": "1" * 400 for n in range(FIELDS_OF_PART + 500)}
    parts = money_parts(fields)
    assert len(money_parts({})) == 2
    assert {name: value for part in parts for name, value in part.items()} == fields
    assert sum(map(len, parts)) == len(fields)
    assert all(sum(len(n) + len(v) for n, v in part.items()) < 900_000 for part in parts)


class Peer:
    """The other cell."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None]] = []

    async def send(
        self, method: str, path: str, params: Mapping[str, Any], content: bytes | None = None
    ) -> dict[str, Any]:
        assert (method, params["org"], params["attempt"]) == ("PUT", "acme", 2)
        self.sent.append((path, content))
        return {}


class Letters:
    """Dead letters in two parts."""

    async def out(self, org_id: str) -> AsyncGenerator[bytes]:
        assert org_id == "acme"
        for part in (b"first", b"second"):
            yield part


async def test_dead_letters_are_sent_part_by_part() -> None:
    peer, site = Peer(), SimpleNamespace(letters=Letters())
    move = SimpleNamespace(id="m" * 32, org_id="acme", attempt=2)
    await Copy(site, peer, move, "east").forward_letters()  # type: ignore[arg-type]
    path = f"/arrivals/{'m' * 32}/parts/dead-letters/all"
    assert peer.sent == [(path, b"first"), (path, b"second")]
