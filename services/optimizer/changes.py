"""A suggestion as a change of a workflow's document, and the way back. Both make a new version."""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.errors import Conflict, NotFound

Document = dict[str, Any]


def changed(document: Mapping[str, Any], node_id: str, change: Mapping[str, Any], version: int) -> Document:
    """Return the document as ``version``, with fields of one node changed. Raises ``NotFound``.

    ``change`` are fields of its config; under ``policy`` are those of its policy.
    """
    new: Document = _copy(document)
    node = next((one for one in _nodes(new) if one["id"] == node_id), None)
    if node is None:
        raise NotFound(f"workflow {document['name']} has no node {node_id} any more; list the suggestions again")
    node["config"].update({name: value for name, value in change.items() if name != "policy"})
    if "policy" in change:
        node["policy"] = {**(node.get("policy") or {}), **change["policy"]}
    return new | {"version": version}


def undone(before: Mapping[str, Any], newest: int, applied: int) -> Document:
    """Return the document from before a change as the version after ``newest``.

    Raises ``Conflict`` when somebody made a version after the change: to undo would lose it.
    """
    if newest != applied:
        raise Conflict(
            f"workflow {before['name']} has version {newest}, made after version {applied} of the suggestion: "
            "change it by hand, so that nothing of the newer version is lost"
        )
    old: Document = _copy(before)
    return old | {"version": newest + 1}


def _nodes(document: Document) -> Iterator[Document]:
    for node in document["dag"]["nodes"]:
        yield node
        yield from node["config"].get("body", ()) if node["type"] == "loop" else ()


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
