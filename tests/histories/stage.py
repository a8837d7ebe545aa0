"""What a scenario plays on: a running system with its model."""

import asyncio
from typing import Any

import httpx

from deploy.local.system import System
from schemas.records.run_events import StepFailed, StepSucceeded
from tests.histories.recording import records_of
from tests.support.client import RUNS, fetch, get_run, submission, submit, wait_for_run
from tests.support.local_model import LocalModelServer
from tests.support.polling import until
from topics.catalogue import RUN_EVENTS
from topics.codec import decode

Json = dict[str, Any]
QUICK: Json = {"retries": {"max_attempts": 2, "initial_ms": 50, "jitter": 0}}
DEADLINE_S = 60.0


class Stage:
    """A running system with its model."""

    def __init__(self, system: System, client: httpx.Client, model: LocalModelServer) -> None:
        self.system = system
        self.client = client
        self.model = model

    def run(self, flow: str, inputs: Json | None = None, key: str | None = None, **more: Any) -> list[str]:
        """Run a workflow to its end; return its run."""
        run = submit(self.client, submission(flow, inputs, **more), key)
        wait_for_run(self.client, run, DEADLINE_S)
        return [run]

    def signal(self, run: str, name: str, value: Any) -> None:
        """Tell a run that something happened."""
        self.client.post(f"{RUNS}/{run}/signals/{name}", json=value).raise_for_status()

    def until_waiting(self, run: str, step_id: str) -> None:
        """Wait until a step waits."""

        def waits() -> bool:
            steps = (get_run(self.client, run) or {"steps": []})["steps"]
            return any(step["id"] == step_id and step["status"] == "waiting" for step in steps)

        until(waits, DEADLINE_S, f"{step_id} waits")

    def until_made_good(self, run: str) -> None:
        """Wait until what compensates has settled."""
        until(lambda: not (get_run(self.client, run) or {})["compensating"], DEADLINE_S, "it is made good")

    def cancel_in_call(self, run: str) -> None:
        """Cancel a run while the model is asked, and wait until that call has said what it did cost."""
        until(lambda: any(key.startswith(run) for key in self.model.calls()), DEADLINE_S, "the call is made")
        self.client.post(f"{RUNS}/{run}/cancel", json={"reason": "no longer needed"}).raise_for_status()
        wait_for_run(self.client, run, DEADLINE_S)
        self.outlast(run)

    def outlast(self, run: str) -> None:
        """Wait until the call that was under way has said what it did cost."""

        def late() -> bool:
            records = asyncio.run(records_of(self.system.endpoints.kafka_bootstrap, [run]))
            events = [decode(RUN_EVENTS, text.encode()) for _, text in records]
            return any(isinstance(event, StepSucceeded | StepFailed) and event.step_id == "ask" for event in events)

        until(late, DEADLINE_S, "the late result is in the log")


def missing(id_: str, key: str = "not-there.txt", **policy: Any) -> Json:
    """A node that fetches what is not there, and fails for good; or what ``key`` says."""
    return fetch(id_, key) | {"policy": QUICK | policy}
