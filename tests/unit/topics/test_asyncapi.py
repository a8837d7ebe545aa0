"""The AsyncAPI document: complete, its references lead somewhere, and asyncapi.com's own parser accepts it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from topics.asyncapi import document
from topics.catalogue import CATALOGUE, WORKFLOW_EVENTS, declared

PARSE = Path(__file__).parents[2] / "support" / "asyncapi_parse.mjs"


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for child in value.values():
            yield from references(child)
    elif isinstance(value, list):
        for child in value:
            yield from references(child)


def found(reference: str) -> Any:
    place: Any = document()
    for part in reference.removeprefix("#/").split("/"):
        place = place[part]
    return place


def test_every_topic_with_records_of_a_known_shape_is_a_channel() -> None:
    channels = document()["channels"]
    assert {topic.name for topic in CATALOGUE if topic.model is not None} <= channels.keys()
    assert channels["workflow-submissions"]["address"] == "workflow-submissions.{org}"
    assert channels["workflow-submissions"]["parameters"].keys() == {"org"}
    assert channels["run-views"]["bindings"]["kafka"]["topicConfiguration"]["cleanup.policy"] == ["compact"]


def test_every_reference_leads_somewhere() -> None:
    every = list(references(document()))
    assert len(every) > 200
    for reference in every:
        assert found(reference)


def test_what_other_systems_send_is_received_and_what_they_read_is_sent() -> None:
    operations = document()["operations"]
    assert operations["receive.workflow-submissions"]["action"] == "receive"
    assert "send.workflow-submissions" not in operations
    assert operations["send.workflow-events"]["action"] == "send"
    assert "receive.workflow-events" not in operations


def test_each_event_for_other_systems_is_a_message_of_its_type() -> None:
    messages = document()["channels"][WORKFLOW_EVENTS]["messages"]
    model = declared(f"{WORKFLOW_EVENTS}.acme").model
    assert set(messages) == {one.__struct_config__.tag for one in model.__args__}


@pytest.mark.exhaustive
def test_the_official_parser_accepts_it(tmp_path: Path) -> None:
    """``ASYNCAPI_PARSER`` is a directory in which `npm install @asyncapi/parser` was done."""
    node, installed = shutil.which("node"), os.environ.get("ASYNCAPI_PARSER", "")
    if node is None or not Path(installed, "node_modules", "@asyncapi", "parser").is_dir():
        pytest.skip("node, or ASYNCAPI_PARSER with @asyncapi/parser in it, is not there")
    file = tmp_path / "asyncapi.json"
    file.write_bytes(orjson.dumps(document()))
    script = Path(installed, PARSE.name)
    shutil.copy(PARSE, script)  # a module is looked for beside the script
    done = subprocess.run([node, str(script), str(file)], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"channels {len(document()['channels'])}" in done.stdout
