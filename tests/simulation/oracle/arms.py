"""Arms of rollouts: every request has the arm of its submission, and a run's outcome is said, once and as it was."""

from collections import defaultdict
from collections.abc import Iterator

from schemas.records.rollouts.deployments import RunOutcome
from schemas.records.run_events import RunSubmitted, StepFailed, StepSucceeded
from schemas.records.steps import LlmCall, StepRequest
from tests.simulation.oracle.history import History, Story
from tests.simulation.world.worker import LANE
from tests.simulation.world.world import World
from topics import catalogue
from topics.codec import decode

#: Nodes whose prompt is in the rollout: of a map its first child counts.
_STEPS = ("b", "m[0]", "k")


def check(world: World, history: History) -> Iterator[str]:
    """Yield what is wrong with arms."""
    if not world.armed:
        return
    said: dict[str, list[RunOutcome]] = defaultdict(list)
    for record in world.log.everything(catalogue.DEPLOYMENT_OUTCOMES):
        one = decode(record.topic, record.value)
        if isinstance(one, RunOutcome):
            said[one.run_id].append(one)
    tops = {run.run_id: run for run in world.runs.values()}
    for record in world.log.everything(LANE):
        yield from _request(tops, decode(record.topic, record.value))
    for run, stories in _families(history).items():
        yield from _outcomes(tops[run], stories, said.pop(run, []))
    yield from (f"outcomes of {run}, which nobody submitted" for run in said)


def _top(run: RunSubmitted, history: History) -> str:
    return run.run_id if run.parent is None else _top(history.stories[run.parent.run_id].run, history)


def _families(history: History) -> dict[str, list[Story]]:
    """Return the runs by the one at the top, as a family's exposure is one."""
    found: dict[str, list[Story]] = defaultdict(list)
    for story in history.stories.values():
        found[_top(story.run, history)].append(story)
    return found


def _request(tops: dict[str, RunSubmitted], request: StepRequest) -> Iterator[str]:
    call = request.work
    if not isinstance(call, LlmCall):
        return
    where = f"the request {request.request_id}"
    if call.rollout is None:
        yield f"{where} has no arm"
        return
    top = call.rollout.run_id or request.run_id
    if top not in tops:
        yield f"{where} names {top} as the run that is exposed"
        return
    of = tops[top].rollouts[0]
    if (call.rollout.arm, call.prompt_version) != (of.arm, of.version):
        yield f"{where} has version {call.prompt_version} as {call.rollout.arm}, the run has {of.version} as {of.arm}"
    if (call.rollout.other is not None) != bool(of.other_version):
        yield f"{where} has {call.rollout.other} beside it, and the run has version {of.other_version}"


def _outcomes(run: RunSubmitted, stories: list[Story], said: list[RunOutcome]) -> Iterator[str]:
    """Each run of a family says one outcome, of the first of its steps that ended."""
    ends = [end for story in stories for end in _ends(story)]
    if ends and not said:
        yield f"{run.run_id} has no outcome, and steps of its prompt ended: {ends}"
    different = {(one.ok, one.cost_nano, one.latency_ms) for one in said}
    # Two runs may have outcomes that look alike.
    ended = sum(any(True for _ in _ends(story)) for story in stories)
    if len(different) > ended or len(said) < ended:
        yield f"{run.run_id} has {len(different)} different outcomes, and in {ended} runs steps of its prompt ended"
    if any(one.ok not in ends for one in said):
        yield f"{run.run_id} says outcomes {[one.ok for one in said]}, and its steps ended as {ends}"
    of = run.rollouts[0]
    if any((one.arm, one.deployment_id) != (of.arm, of.deployment_id) for one in said):
        yield f"{run.run_id} says outcomes of another arm"


def _ends(story: Story) -> Iterator[bool]:
    """Yield how steps ended that decide: a failure counts if its worker had rendered the prompt."""
    for step_id in _STEPS:
        step = story.last(step_id)
        if step is None or step.state not in ("succeeded", "failed"):
            continue
        event = story.outcomes.get((step_id, step.attempt))
        if event is None or not isinstance(event.said, StepSucceeded | StepFailed):
            continue
        if step.state == "succeeded" or (isinstance(event.said, StepFailed) and event.said.exposed):
            yield step.state == "succeeded"
