"""The ledger counts each call once, as the fold does."""

from connectors.ports.archive import LogRow
from deploy.backup.archive.ledger import Counting
from deploy.backup.archive.manifest import Ledger
from schemas.records.money import CallStarted, CostEvent
from topics.codec import encode


def _cost(call: str, kind: str, nano: int) -> bytes:
    return encode(
        CostEvent(
            call_id=call,
            kind=kind,
            org_id="o",
            run_id="r",
            step_id="s",
            workflow_name="w",
            provider="p",
            model="m",
            amount_nano=nano,
            booked_at_ms=1,
            price_version="1",
        )
    )


def _start(call: str) -> bytes:
    return encode(
        CallStarted(
            call_id=call,
            org_id="o",
            run_id="r",
            step_id="s",
            workflow_name="w",
            provider="p",
            model="m",
            amount_nano=9,
            booked_at_ms=1,
            expires_at_ms=2,
            price_version="1",
        )
    )


def test_each_call_counts_once_and_open_ones_are_named() -> None:
    values = [
        _start("a"), _cost("a", "actual", 5), _cost("a", "actual", 6), _start("a"),
        _start("b"), _cost("b", "presumed", 7), _cost("b", "actual", 3), _cost("b", "presumed", 8),
        _start("c"), _cost("d", "presumed", 2), b"not json", None,
    ]  # fmt: skip
    counting = Counting()
    counting.take(LogRow(n, 0, b"o", value) for n, value in enumerate(values))

    assert counting.ledger() == Ledger(calls=3, nano=5 + 3 + 2, open_calls=1)
    assert [call.call_id for call in counting.open_calls()] == ["c"]
