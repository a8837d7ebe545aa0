"""Calls of MCP servers that a workflow's nodes make."""

from schemas.spec.model import WorkflowSpec
from services.workflows.mcp_pins import mcp_calls


def call(id_: str, **config: str) -> dict[str, object]:
    return {"id": id_, "type": "tool", "config": {"tool_name": "mcp.call", "tool_config": config}}


def test_each_call_is_found_with_its_place_and_says_how_to_pin_it() -> None:
    body = [call("in", server="docs", tool="read")]
    loop = {"id": "again", "type": "loop", "config": {"body": body, "until": "false", "max_iterations": 2}}
    mail = {"id": "m", "type": "tool", "config": {"tool_name": "mail"}}
    nodes = [call("find", server="docs", tool="search"), mail, loop]
    spec = WorkflowSpec.model_validate({"name": "w", "version": 1, "dag": {"nodes": nodes, "edges": []}})
    found = list(mcp_calls(spec))
    assert [(one.path, one.server, one.tool) for one in found] == [
        ("dag.nodes[0]", "docs", "search"),
        ("dag.nodes[2].config.body[0]", "docs", "read"),
    ]
    assert found[0].warning.path == "dag.nodes[0].config.tool_config.tool"
    assert "agentctl tool pin docs search" in found[0].warning.fix
