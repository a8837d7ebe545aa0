"""A change of a document, and the way back."""

import copy
from typing import Any

import pytest

from schemas.errors import Conflict, NotFound
from services.optimizer.changes import changed, undone

ASK: dict[str, Any] = {"id": "ask", "type": "llm", "config": {"prompt_ref": "ask@1", "model": "dear"}}
LOOP: dict[str, Any] = {"id": "again", "type": "loop", "config": {"body": [ASK | {"id": "inner"}]}}
DOCUMENT: dict[str, Any] = {"name": "wf", "version": 3, "dag": {"nodes": [ASK, LOOP]}}


def test_a_change_sets_fields_of_one_node_in_a_new_version() -> None:
    before = copy.deepcopy(DOCUMENT)
    new = changed(DOCUMENT, "ask", {"model": "cheap", "cache": True}, 4)
    assert before == DOCUMENT
    assert new["version"] == 4
    assert new["dag"]["nodes"][0]["config"] == {"prompt_ref": "ask@1", "model": "cheap", "cache": True}
    assert new["dag"]["nodes"][1] == LOOP


def test_a_node_inside_of_a_loop_is_found() -> None:
    new = changed(DOCUMENT, "inner", {"model": "cheap"}, 4)
    assert new["dag"]["nodes"][1]["config"]["body"][0]["config"]["model"] == "cheap"


def test_a_node_that_is_gone_is_named() -> None:
    with pytest.raises(NotFound, match="no node gone any more"):
        changed(DOCUMENT, "gone", {}, 4)


def test_undo_is_the_document_before_as_the_next_version() -> None:
    assert undone(DOCUMENT, newest=4, applied=4) == DOCUMENT | {"version": 5}


def test_undo_loses_no_version_of_others() -> None:
    with pytest.raises(Conflict, match="version 5, made after version 4"):
        undone(DOCUMENT, newest=5, applied=4)
