"""Topics and dead letters over HTTP, on a real broker; only the platform's key may."""

import base64
import time
from typing import Any

import pytest

from connectors.kafka.log import KafkaLog
from connectors.ports.engine import InRecord
from schemas.settings import Settings
from streams.runtime.dead_letters import dead_letter
from tests.support.api import Running, settings_for, unique
from topics.admin import TopicAdmin
from topics.catalogue import submissions_topic, wanted

LETTERS = "/api/v1/admin/dead-letters"
VALUE = b'{"specversion": "1.0"}'
PARTITIONS = 4


@pytest.fixture
def settings(dsn: str, redis_url: str, kafka_bootstrap: str) -> Settings:
    return settings_for(dsn, redis_url, KAFKA_BOOTSTRAP=kafka_bootstrap)


@pytest.fixture
async def letter(kafka_bootstrap: str) -> str:
    """One dead letter of an organisation of the test's own; return the topic where it was."""
    topic = submissions_topic(unique("org"))
    topics = wanted((topic.partition(".")[2],))
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create(topics, PARTITIONS, 1)
    record = InRecord(topic, 1, 7, int(time.time() * 1000), b"k", VALUE)
    async with KafkaLog(kafka_bootstrap) as log:
        await log.append([dead_letter(record, "schema", "schema: no good", int(time.time() * 1000))])
    return topic


async def test_a_letter_is_listed_shown_and_goes_back(api: Running, letter: str) -> None:
    found = (await api.client.get(LETTERS, params={"topic": letter, "since": "1h"})).json()
    assert (found["total"], found["letters"][0]["origin"]) == (1, f"{letter}/1@7")
    position = found["letters"][0]["position"]
    topic, _, place = position.partition("/")
    shown = (await api.client.get(f"{LETTERS}/{topic}/{place.replace('@', '/')}")).json()
    assert base64.b64decode(shown["value_base64"]) == VALUE
    assert {header["name"] for header in shown["headers"]} >= {"af-reason", "af-topic"}
    tried = await retry(api, positions=[position], dry_run=True)
    assert tried["retried"][0]["went_to"].startswith(f"{letter}/")
    done = await retry(api, topic=letter, reason="schema")
    assert done["total"] == 1
    assert done["retried"][0]["went_to"].startswith(f"{letter}/")


async def retry(api: Running, **body: Any) -> dict[str, Any]:
    answer = await api.client.post(f"{LETTERS}/retry", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_position_without_a_letter_is_404_and_a_wrong_one_422(api: Running, letter: str) -> None:
    dlq = "workflow-submissions.dlq"
    assert (await api.client.get(f"{LETTERS}/{dlq}/0/999999")).status_code == 404
    assert (await api.client.get(f"{LETTERS}/{letter}/0/1")).status_code == 422
    assert (await api.client.get(LETTERS, params={"since": "yesterday"})).status_code == 422
    assert (await api.client.post(f"{LETTERS}/retry", json={})).status_code == 422
    assert (await api.client.post(f"{LETTERS}/retry", json={"topic": letter})).status_code == 422


async def test_topics_are_listed_with_what_differs(api: Running, letter: str) -> None:
    topics = {one["name"]: one for one in (await api.client.get("/api/v1/admin/topics")).json()["topics"]}
    assert topics[letter]["partitions"] == PARTITIONS
    assert topics[letter]["problems"] == []
    assert topics["run-events"]["summary"]


@pytest.mark.parametrize("path", ["/api/v1/admin/topics", LETTERS, f"{LETTERS}/run-events.dlq/0/0"])
async def test_an_organisations_admin_sees_none_of_it(api: Running, path: str) -> None:
    key = (await api.client.post("/api/v1/keys", json={"name": "a", "permissions": ["admin"]})).json()["key"]
    async with api.as_key(key) as client:
        answer = await client.get(path)
    assert answer.status_code == 403
    assert "bootstrap key" in answer.json()["detail"]
