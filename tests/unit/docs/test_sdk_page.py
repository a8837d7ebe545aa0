"""Every Python block of the page about the SDK runs, in order, against the API in memory."""

import re
from pathlib import Path

import agentflow
import agentflow.testing
import pytest
from agentflow.testing import FakeApi

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "sdk.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
WORKFLOW = next(block for block in BLOCKS if "workflow = (" in block)
APPROVAL = "name: approval\nversion: 1\ndag: {nodes: [{id: ask, type: signal, config: {name: approval}}]}"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    found = FakeApi(org_id="your-org-id", models={"*": "an answer"}, tools={"s3.fetch": "some text"})
    monkeypatch.setattr(agentflow, "Client", lambda *_: found.client())
    return found


def test_every_block_runs(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    with api.client() as client:
        names: dict[str, object] = {"client": client, "inputs": {}}
        exec(WORKFLOW, names)
        capsys.readouterr()
        for block in BLOCKS:
            names["client"] = client  # a block may have used and closed its own
            if "simulator.start(inputs)" in block:
                names["simulator"] = agentflow.testing.Simulator(APPROVAL)
            exec(compile(block, str(PAGE), "exec"), names)
        names["test_an_analysis_survives_a_busy_model"]()
        assert names["run"].status == "succeeded"
    said = capsys.readouterr().out
    assert said.startswith("ready\n")
    assert "{'analyze': 'an answer'} 0" in said
    assert "end None succeeded" in said
    assert "inputs.document_key is missing" in said
    assert "prompt_ref: document_analyzer@3" in said
