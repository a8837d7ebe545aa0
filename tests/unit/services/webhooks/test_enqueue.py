"""Which webhook gets which event."""

from collections.abc import Sequence

import orjson

from connectors.memory.engine import ManualClock
from services.webhooks.enqueue import Enqueuer
from tests.support.webhooks import MemoryDeliveries


class Taking:
    async def taking(self, organisations: Sequence[str]) -> dict[str, list[tuple[str, list[str]]]]:
        every = {"acme": [("wh_runs", ["run.*"]), ("wh_all", ["*"])], "other": [("wh_other", ["*"])]}
        return {org: every[org] for org in organisations if org in every}


def event(kind: str, id_: str) -> dict[str, str]:
    return {"id": id_, "type": kind, "subject": "r", "time": "2026-01-01T00:00:00.000Z", "v": "1.0"}


async def test_each_webhook_gets_the_events_of_its_organisation_that_it_takes() -> None:
    deliveries = MemoryDeliveries(ManualClock())
    enqueuer = Enqueuer(Taking(), deliveries)
    events = [
        ("acme", event("run.failed", "a")),
        ("acme", event("budget.threshold", "b")),
        ("none", event("run.x", "c")),
    ]
    assert await enqueuer.add(events) == 3
    assert await enqueuer.add(events) == 3, "a batch that comes again is found to be there"
    assert [(row.new.webhook_id, row.new.event_id) for row in deliveries.rows] == [
        ("wh_runs", "a"),
        ("wh_all", "a"),
        ("wh_all", "b"),
    ]


async def test_a_body_is_the_event_with_the_time_as_the_specification_names_it() -> None:
    deliveries = MemoryDeliveries(ManualClock())
    await Enqueuer(Taking(), deliveries).add([("other", event("run.failed", "a"))])
    body = orjson.loads(deliveries.rows[0].new.body)
    assert body["timestamp"] == body["time"]
    assert "v" not in body
