"""A workflow with its fakes, ready to run."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agentflow import engine
from agentflow.checking import Checked, check, check_inputs
from agentflow.client.document import HasDocument
from agentflow.given_prompts import Prompts
from agentflow.testing.attempts import Attempts
from agentflow.testing.fakes import Fakes
from agentflow.testing.run import SimulatedRun
from agentflow.testing.world import World

_START = datetime(2026, 1, 1, tzinfo=UTC)
Source = HasDocument | Mapping[str, Any] | str


class Simulator:
    """Runs a workflow in memory, in milliseconds, by the server's rules.

    ``tools``, ``functions`` and ``models`` are fakes by name (see ``agentflow.testing.fakes``), of a model the name of
    its node or prompt, or ``*``; ``use`` are functions decorated with ``@tool`` or ``@function``, called for real.
    ``prompts`` are templates by ``name`` or ``name@version``, or bodies as the API takes them, with messages,
    parameters and schemas; ``workflows`` are those that nodes run.

    Raises ``InvalidWorkflow`` for a document that a server would refuse, also one that names a tool or function
    without a fake.
    """

    def __init__(
        self,
        workflow: Source,
        *,
        tools: Mapping[str, Any] | None = None,
        functions: Mapping[str, Any] | None = None,
        models: Mapping[str, Any] | None = None,
        use: Sequence[Callable[..., Any]] = (),
        prompts: Prompts | None = None,
        workflows: Sequence[Source] = (),
        start: datetime = _START,
    ) -> None:
        given = {"tool": tools or {}, "function": functions or {}, "model": models or {}}
        self._fakes = Fakes(given, use)
        self._start_ms = round(start.timestamp() * 1000)
        self._numbers = itertools.count(1)
        self.checked: Checked = check(
            _document(workflow),
            prompts=prompts,
            tools=self._fakes.names("tool"),
            functions=self._fakes.names("function"),
            workflows=[_document(one) for one in workflows],
        )

    def run(
        self, inputs: Mapping[str, Any] | None = None, *, signals: Mapping[str, Any] | None = None, **more: Any
    ) -> SimulatedRun:
        """Run to the end; waits, retries and time limits are skipped. ``signals`` are sent when the run waits for them.

        ``more`` as ``start`` takes it. Raises ``Stuck`` when the run waits for something without an end.
        """
        run = self.start(inputs, **more)
        run.finish(signals)
        return run

    def start(self, inputs: Mapping[str, Any] | None = None, *, tags: Mapping[str, str] | None = None) -> SimulatedRun:
        """Start a run and let happen what is due now; the clock is the test's: ``advance``, ``signal``, ``finish``."""
        spec = self.checked.resolved.spec
        check_inputs(f"{spec.name} version {spec.version}", self.checked, dict(inputs or {}))
        world = World(Attempts(self._fakes), self._start_ms)
        run_id = f"run-{next(self._numbers)}"
        world.add(
            engine.RunSubmitted(
                run_id=run_id,
                org_id="test",
                source="api",
                body_hash=run_id,
                workflow_name=spec.name,
                workflow_version=spec.version,
                spec=self.checked.resolved,
                inputs=dict(inputs or {}),
                tags=dict(tags or {}),
                submitted_at_ms=self._start_ms,
                rules_version=engine.rules_of(spec, self.checked.resolved.prompts.values()),
            )
        )
        world.play(self._start_ms)
        return SimulatedRun(world, run_id)


def _document(source: Source) -> str | Mapping[str, Any]:
    return source.document() if isinstance(source, HasDocument) else source
