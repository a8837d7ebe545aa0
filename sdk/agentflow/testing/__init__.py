"""Runs workflows in memory: the server's own rules, fakes for what is outside, and a clock that skips.

    from agentflow.testing import Fails, Simulator

    simulator = Simulator(workflow, tools={"s3.fetch": "text"}, models={"analyze": [Fails("rate_limited"), "fine"]})
    run = simulator.run({"document_key": "a.txt"})
    assert run.output == {"analyze": "fine"}
    run.assert_called("s3.fetch", times=1, key="a.txt")

It needs the extra ``testing``.
"""

# First, for it names the extra when a package is missing.
from agentflow.checking import Checked, check
from agentflow.testing.fake_api import FakeApi
from agentflow.testing.fakes import Call, Fails, Takes, ToolUses
from agentflow.testing.run import SimulatedRun, SimulatedStep
from agentflow.testing.simulator import Simulator
from agentflow.testing.world import Stuck

__all__ = [
    "Call",
    "Checked",
    "Fails",
    "FakeApi",
    "SimulatedRun",
    "SimulatedStep",
    "Simulator",
    "Stuck",
    "Takes",
    "ToolUses",
    "check",
]
