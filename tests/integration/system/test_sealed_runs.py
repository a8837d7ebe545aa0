"""Runs of data subjects on a whole system: they work as others do, and no store has a word of them in clear."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.local.system import System
from streams.replay.__main__ import main as replay
from tests.support.client import (
    RUNS,
    define_prompt,
    define_workflow,
    get_run,
    llm,
    merger,
    run,
    submission,
    submit,
    wait_for_run,
)
from tests.support.polling import until
from tests.support.raw_scan import traces_of

#: Words that no program, document or name of this system has.
PLANTED = ("Quillsworth", "Vexmoor", "zorbatine")
SUBJECT = "patient-Quillsworth-77"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("sealed"), durable=False) as started:
        yield started


def sealed_run(client: httpx.Client, flow: str, inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return run(client, submission(flow, inputs) | {"subject": SUBJECT} | more)


def test_a_run_of_a_subject_works_and_leaves_nothing_in_clear(system: System, client: httpx.Client) -> None:
    prompt = define_prompt(client, "Summarise: {{text}}")
    flow = define_workflow(
        client,
        merger("first", inputs={"text": "{{text}}", "more": "{{more}}"}),
        llm("ask", prompt, inputs={"text": "{{text}}"}),
        merger("last", inputs={"answer": "ask.output", "all": "first.output"}),
        edges="first>ask ask>last first>last",
    )
    text = "Mr Quillsworth of Vexmoor takes zorbatine."
    found = sealed_run(client, flow, {"text": text, "more": [f"{text} {n}" for n in range(2_000)]})
    assert found["status"] == "succeeded", json.dumps(found, indent=1)[:3000]
    assert found["inputs"]["text"] == text
    large = found["inputs"]["more"]
    assert large["uri"].startswith("sealed+objects:///")
    answer = client.get(f"/api/v1/objects/{large['sha256']}", params={"subject": large["uri"].split("/")[-2]})
    assert answer.json()[7] == f"{text} 7"
    assert traces_of(system.data_dir, PLANTED) == []


def test_the_scan_finds_what_a_run_without_a_subject_leaves(system: System, client: httpx.Client) -> None:
    """The control of the test above: stores do not hide words from a scan of their bytes."""
    flow = define_workflow(client, merger("only", inputs={"text": "{{text}}"}))
    run(client, submission(flow, {"text": "Mrs Oakenthorpe-Bly of Harrowdene"}))
    found = " ".join(traces_of(system.data_dir, ("Oakenthorpe-Bly",)))
    assert "kafka" in found
    assert "postgres" in found


def test_an_erased_person_is_gone_and_others_are_not(system: System, client: httpx.Client) -> None:
    flow = define_workflow(client, merger("only", inputs={"text": "{{text}}"}))
    waits = define_workflow(
        client,
        merger("before", inputs={"text": "{{text}}"}),
        {"id": "answer", "type": "signal", "config": {"name": "answer"}},
        edges="before>answer",
    )
    gone, stays = "person-to-go-88", "person-to-stay-89"
    done = run(client, submission(flow, {"text": "Larkinbotham"}) | {"subject": gone}, key="erased-1")
    kept = run(client, submission(flow, {"text": "Merriweather"}) | {"subject": stays})
    open_ = submit(client, submission(waits, {"text": "Larkinbotham waits"}) | {"subject": gone})
    until(lambda: (get_run(client, open_) or {}).get("status") == "running", 60, "the run waits")
    shown = client.get(f"/api/v1/subjects/{gone}").json()
    assert (shown["key"], len(shown["runs"])) == ("active", 2)
    assert gone not in json.dumps(shown)

    answer = client.post(f"/api/v1/subjects/{gone}/erase")
    assert answer.status_code == 200, answer.text
    receipt = answer.json()
    assert (receipt["first"], receipt["runs_canceled"]) == (True, 1)

    erased = get_run(client, done["id"], outputs=True)
    assert erased is not None
    assert erased["status"] == "succeeded"
    assert erased["inputs"]["text"] == {"kind": "erased", "subject": receipt["subject"]}
    assert erased["output"]["only"]["kind"] == "erased"
    assert wait_for_run(client, open_)["status"] == "canceled"
    again = client.post(RUNS, json=submission(flow, {"text": "x"}) | {"subject": gone})
    assert (again.status_code, again.json()["type"]) == (410, "urn:agentflow:problem:subject-erased")
    assert client.post(f"{RUNS}/{done['id']}/fork", json={"inputs": {}}).status_code == 410
    other = get_run(client, kept["id"])
    assert other is not None
    assert other["inputs"]["text"] == "Merriweather"
    repeat = client.post(f"/api/v1/subjects/{gone}/erase").json()
    assert (repeat["first"], repeat["erased_at"]) == (False, receipt["erased_at"])
    assert client.get(f"/api/v1/subjects/{gone}").json()["key"] == "erased"

    def entries() -> list[dict[str, Any]]:
        found = client.get("/api/v1/audit", params={"action": "subject_erased"}).json()["entries"]
        return [entry for entry in found if receipt["subject"] in json.dumps(entry)]

    assert len(until(entries, 60, "the audit log has it")) == 1
    assert traces_of(system.data_dir, (gone, stays, "Larkinbotham", "Merriweather")) == []


def test_comparisons_and_replays_of_an_erased_run_say_erased(
    system: System, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = define_workflow(
        client, merger("a", inputs={"text": "{{text}}"}), merger("b", inputs={"text": "a.output"}), edges="a>b"
    )
    body = submission(flow, {"text": "Larkinbotham the younger"}) | {"subject": "person-91"}
    one, two = run(client, body), run(client, body | {"inputs": {"text": "Larkinbotham the elder"}})
    asked = {"a": one["id"], "b": two["id"], "outputs": True}

    def compared() -> dict[str, Any]:
        found: dict[str, Any] = client.post("/api/v1/traces/diff", json=asked).json()
        return found

    # Its spans are stored some seconds later, on a busy machine some more.
    until(lambda: compared().get("runs"), 60, "the spans are stored")
    assert "Larkinbotham the elder" in json.dumps(compared())
    for name, value in system.role_env("worker").items():
        monkeypatch.setenv(name, value)
    assert replay([one["id"]]) == 0
    assert "2 function: sealed output" in capsys.readouterr().out

    client.post("/api/v1/subjects/person-91/erase").raise_for_status()
    assert replay([one["id"]]) == 0
    out = capsys.readouterr().out
    assert ": equal;" in out
    assert "erased" in out
    assert "Larkinbotham" not in json.dumps(compared())
    assert '"erased"' in json.dumps(compared())
    assert traces_of(system.data_dir, ("Larkinbotham", "person-91")) == []
