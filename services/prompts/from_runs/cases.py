"""Cases of production runs: what their ``llm`` steps were given, and what they answered.

1. Runs are read from history, the newest first. One with a data subject gives no case, erased or not.
2. Steps that are answers become cases, with the labels of the values in them.
3. The organisation's policy takes out of each what may not be in a dataset (``privacy``).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from connectors.objects.store import Objects
from connectors.postgres.history.runs import RunFilter, Runs
from schemas.errors import Conflict, InvalidInput, NotFound, Problem, Rejected
from schemas.prompts.evaluations import Case
from schemas.records.run_events import Capture
from schemas.records.security.pinned import Decision
from schemas.spec.model import LlmNode, ResolvedSpec
from services.privacy.redact.redactors import Redactors
from services.prompts.from_runs.privacy import Activated, NoRow, RowPrivacy
from services.prompts.from_runs.reading import Iterations, answers_of, llm_nodes, read_run
from services.workflows.of_run import RunDefinitions

#: Runs that are looked at for one dataset, the newest first.
MAX_RUNS = 1_000
_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSteps:
    """Which steps become cases: of which runs, of which nodes, and how many. ``expected``: their outputs are.

    ``iterations`` chooses among the answers of a node in a loop.
    """

    runs: RunFilter
    node: str | None = None
    prompt: str | None = None
    limit: int = 100
    expected: bool = True
    iterations: Iterations = "last"


@dataclass(frozen=True, slots=True)
class FoundCases:
    """The cases, and how many steps became none, by reason.

    ``redacted`` counts values that were taken out, by data class and kind; ``policy`` did that, by ``decisions``.
    """

    cases: list[Case]
    skipped: dict[str, int]
    redacted: dict[str, dict[str, int]]
    policy: str = ""
    decisions: Sequence[Decision] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePorts:
    """Where runs are, and what redacts. Without ``redactors`` nothing is stored that a policy wants to be redacted."""

    history: Runs
    definitions: RunDefinitions
    objects: Objects
    active: Activated
    redactors: Redactors | None = None
    capture: Capture = "full"


class CasesOfRuns:
    """Reads cases from run history."""

    def __init__(self, ports: CasePorts) -> None:
        self._ports = ports

    async def find(self, org_id: str, wanted: WantedSteps) -> FoundCases:
        """Return the cases, those of the newest runs first.

        Raises ``Conflict`` where the installation lets no contents be copied, ``InvalidInput`` when there is no such
        step, ``PrivacyRefused`` when a detector fails, and ``Unavailable``, also while the vault is down.
        """
        privacy = RowPrivacy(org_id, await self._ports.active.of(org_id), self._ports.redactors)
        self._check_capture(privacy, wanted)
        cases: dict[str, Case] = {}
        skipped: Counter[str] = Counter()
        cursor, looked = None, 0
        while looked < MAX_RUNS and len(cases) < wanted.limit:
            lines, cursor = await self._ports.history.page(org_id, replace(wanted.runs, cursor=cursor, limit=_PAGE))
            for line in lines:
                if len(cases) < wanted.limit:
                    most = wanted.limit - len(cases)
                    cases |= {case.id: case for case in await self._of_run(line.id, wanted, privacy, skipped, most)}
            looked += len(lines)
            if cursor is None:
                break
        if not cases:
            raise _nothing(looked, skipped)
        policy = "" if privacy.active is None else privacy.active.name
        return FoundCases(list(cases.values()), dict(skipped), privacy.by_class, policy, privacy.decisions)

    def _check_capture(self, privacy: RowPrivacy, wanted: WantedSteps) -> None:
        """Raise ``Conflict`` where an installation that limits copies of contents has nothing that redacts this one."""
        capture = self._ports.capture
        if capture == "full":
            return
        if capture == "none":
            raise Conflict("CAPTURE is none, so the contents of runs are copied nowhere; import a file")
        if not privacy.redacts(wanted.runs.workflow or "", wanted.node or ""):
            raise Conflict(
                "CAPTURE is redacted, and no active policy takes anything out of datasets of this workflow; activate "
                "one with a rule of `privacy.redact` at `dataset`, or import a file"
            )

    async def _of_run(
        self, run_id: str, wanted: WantedSteps, privacy: RowPrivacy, skipped: Counter[str], most: int
    ) -> list[Case]:
        found = await self._ports.history.get(privacy.org_id, run_id, step_outputs=True)
        if found is None:
            return []
        run, steps = found
        if run.subject:
            # A dataset would keep what is to be erased with the person.
            skipped["run has a data subject"] += 1
            return []
        spec = await self._ports.definitions.of(privacy.org_id, run)
        if spec is None:
            skipped["definition is gone"] += 1
            return []
        nodes = {node.id: node for node in llm_nodes(spec.spec.dag.nodes) if _is_wanted(node, spec, wanted)}
        reading = await read_run(self._ports.objects, privacy.org_id, run, steps, spec, privacy.labels_of(run))
        cases: list[Case] = []
        for step in answers_of(steps, nodes, wanted.iterations):
            if len(cases) == most:
                break
            node = nodes[step.node_id]
            try:
                case = reading.case(step, node, expected=wanted.expected, iterations=wanted.iterations)
                cases.append(await privacy.row(run, node.id, case))
            except LookupError:
                skipped["value is not in history"] += 1
            except NoRow as exc:
                skipped[str(exc)] += 1
        return cases


def _is_wanted(node: LlmNode, spec: ResolvedSpec, wanted: WantedSteps) -> bool:
    return wanted.node in (None, node.id) and wanted.prompt in (None, spec.prompts[node.config.prompt_ref].name)


def _nothing(runs: int, skipped: Counter[str]) -> Rejected:
    if not runs:
        return NotFound("no run matches; see GET /api/v1/workflows/runs with the same filter")
    left = "".join(f", {count} left out: {reason}" for reason, count in skipped.items())
    problem = Problem("body", f"none of {runs} runs has such a step of type llm{left}", "name another node or prompt")
    return InvalidInput.of(problem)
