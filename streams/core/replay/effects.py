"""What an attempt did, done again without the world: functions are called, prompts rendered, answers checked.

Models and tools are never called: what they answered is in the log. What cannot be done here is taken from there, too,
and counted with its reason, so that a verdict says how much it covers.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple

from schemas.errors import BadValue, StepError, Undecodable
from schemas.ids import canonical_hash, content_hash
from schemas.payload import Inline, Payload
from schemas.prompts.rendering import Rendered, rendered_for
from schemas.records.run_events import StepFailed, StepSucceeded
from schemas.records.steps import AgentTurn, FunctionCall, LlmCall, StepRequest
from schemas.spec.error_codes import SUBJECT_ERASED
from schemas.values.json_schemas import BadSchema, violations
from schemas.values.json_text import read_json, write_json

Outcome = StepSucceeded | StepFailed
Part = Literal["function", "render", "answer"]
"""What is done again of an attempt."""

#: Failures of workers and machines: a function that is called again has no reason to fail so.
ENVIRONMENT = frozenset(
    {"canceled", "dead_letter", "memory_exceeded", "missing_object", "not_importable", "not_started"}
    | {"outcome_unknown", "poison", "process_died", "timeout", "unavailable", "unknown_function", "internal"}
    | {SUBJECT_ERASED}
)
#: Failures of a prompt that cannot be rendered with its values.
RENDERING = frozenset({"bad_template", "invalid_prompt_input", "missing_variable"})


class NotHere(Exception):
    """It cannot be done again in this process; the message says why, in a few words."""


#: Returns the arguments of an attempt with stored values filled in. Raises ``NotHere``.
Bind = Callable[[StepRequest], Awaitable[dict[str, Any]]]
#: Calls the pure function of an attempt with its arguments. Raises ``NotHere``, ``StepError`` and what it raises.
CallFunction = Callable[[StepRequest, dict[str, Any]], Awaitable[Any]]


class Again(NamedTuple):
    """A part of an attempt that was done again.

    ``taken`` says why its result was taken from the log instead. ``expected`` and ``found`` are results, hashes of
    outputs or codes of errors. ``rendered`` is the hash of what a prompt says, which golden files keep.
    """

    part: Part
    taken: str = ""
    expected: str = ""
    found: str = ""
    rendered: str = ""

    @property
    def differs(self) -> bool:
        """Whether it became something else."""
        return not self.taken and self.expected != self.found


async def inline_args(request: StepRequest) -> dict[str, Any]:
    """Return the arguments of an attempt that needs no stored bytes. Raises ``NotHere``."""
    if request.links:
        raise NotHere("sealed arguments" if request.subject else "stored arguments")
    return request.args


async def no_functions(_request: StepRequest, _args: dict[str, Any]) -> Any:
    """Call nothing: functions are taken from the log. Raises ``NotHere``."""
    raise NotHere("no functions given")


async def done_again(
    request: StepRequest, outcome: Outcome, *, bind: Bind = inline_args, call: CallFunction = no_functions
) -> list[Again]:
    """Do again what an attempt did that its arguments alone decide; nothing for one that only the world decides."""
    work = request.work
    if isinstance(work, FunctionCall):
        return [await _function(request, outcome, bind, call)]
    if isinstance(work, AgentTurn):
        return [await _render(request, work.call, outcome, bind), *_answer(work.call, outcome)]
    if isinstance(work, LlmCall):
        return [await _render(request, work, outcome, bind), *_answer(work, outcome)]
    return []


def hash_of_payload(payload: Payload) -> str:
    """Return the hash that a value has as a payload: of its canonical JSON inline, of its bytes when stored."""
    return canonical_hash(payload.value) if isinstance(payload, Inline) else payload.sha256


def rendered_hash(said: Rendered) -> str:
    """Return the hash of what a prompt says."""
    return canonical_hash([said.system, said.developer, list(map(list, said.history)), said.prompt])


async def _function(request: StepRequest, outcome: Outcome, bind: Bind, call: CallFunction) -> Again:
    if isinstance(outcome, StepFailed) and outcome.error.code in ENVIRONMENT:
        return Again("function", taken=f"failed with {outcome.error.code}")
    if request.subject:
        return Again("function", taken=await _why_sealed(request, bind))
    expected = outcome.error.code if isinstance(outcome, StepFailed) else hash_of_payload(outcome.output)
    try:
        value = await call(request, await bind(request))
        found = _hash_as(outcome, value)
    except NotHere as exc:
        return Again("function", taken=str(exc))
    except StepError as exc:
        found = exc.code
    except Exception:  # noqa: BLE001 - a function is user code, and what it raises is what it did
        found = "exception"
    return Again("function", expected=expected, found=found)


async def _why_sealed(request: StepRequest, bind: Bind) -> str:
    """Return why an attempt for a data subject is not done again: its arguments are gone, or its output is sealed."""
    try:
        await bind(request)
    except NotHere as exc:
        return str(exc)
    return "sealed output"


def _hash_as(outcome: Outcome, value: Any) -> str:
    """Return the hash of a value as the recorded outcome has it: of canonical JSON, or of stored bytes."""
    try:
        data = write_json(value)
    except (BadValue, Undecodable) as exc:
        raise StepError("bad_output", str(exc)) from exc
    if isinstance(outcome, StepSucceeded) and not isinstance(outcome.output, Inline):
        return content_hash(data)
    return canonical_hash(read_json(data))


async def _render(request: StepRequest, work: LlmCall, outcome: Outcome, bind: Bind) -> Again:
    if work.images:
        return Again("render", taken="images")
    failed = outcome.error.code if isinstance(outcome, StepFailed) and outcome.error.code in RENDERING else ""
    try:
        args = await bind(request)
        said = rendered_for(f"{work.prompt_name}@{work.prompt_version}", work.template, work.form, args)
    except NotHere as exc:
        return Again("render", taken=str(exc))
    except StepError as exc:
        return Again("render", expected=failed or "rendered", found=exc.code)
    # A golden file would keep a hash of data of a person.
    rendered = "" if request.subject else rendered_hash(said)
    return Again("render", expected=failed or "rendered", found="rendered", rendered=rendered)


def _answer(work: LlmCall, outcome: Outcome) -> list[Again]:
    """Check a recorded answer by the call's schema again. A turn that asks for tools has not answered yet."""
    if work.output_schema is None or not isinstance(outcome, StepSucceeded) or outcome.tool_calls:
        return []
    if not isinstance(outcome.output, Inline):
        return [Again("answer", taken="stored output")]
    try:
        found = violations(work.output_schema, outcome.output.value)
    except BadSchema:
        return [Again("answer", taken="a schema that cannot be used")]
    return [Again("answer", expected="valid", found="; ".join(found) or "valid")]
