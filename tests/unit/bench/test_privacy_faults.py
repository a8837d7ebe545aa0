"""No fault of a detector or the vault lets a value pass, and without a fault nothing is refused."""

from bench.privacy.faults import cases
from bench.prove.privacy.flow import AIMS, measure
from deploy.local.engines.progress import silent


async def test_nothing_passes_when_something_fails() -> None:
    found = await cases()
    assert [one for one in found if one.passed] == []
    assert [one for one in found if one.refused and one.fault == "none"] == []
    assert {one.fault for one in found} >= {"detector crashes", "vault down", "no vault", "too large", "too deep"}
    # What a call has paid for is never refused by its capture; a stream is cut.
    assert {one.place for one in found if not one.refused and one.fault != "none"} == {"trace", "stream"}


def test_every_aim_has_its_line() -> None:
    assert {line.name for line in measure(True, silent)} == {aim.name for aim in AIMS}
