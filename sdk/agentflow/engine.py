"""The server's own rules: of documents, and the fold of a run.

In the checkout they are the packages ``schemas`` and ``streams.core``. The build of the wheel copies these to
``agentflow._engine`` and rewrites the imports here, so that an installed package brings them along. Nothing else in
this package imports them, but ``server_config``. They need the extra ``testing``.
"""

from schemas.errors import InvalidInput, InvalidSpec, Problem, StepError
from schemas.ids import content_hash, repair_idempotency_key
from schemas.payload import Inline, inline, walk
from schemas.prompts.answers import read_answer
from schemas.prompts.form import PromptForm, PromptPart, form_hash
from schemas.prompts.inline import take_inline, with_versions
from schemas.prompts.output_check import InvalidOutput, correction, correction_in_turn
from schemas.prompts.output_check import checked as checked_output
from schemas.prompts.rendering import rendered_for
from schemas.records.base import ErrorInfo, Usage
from schemas.records.run_events import (
    CancelRequested,
    ChildFinished,
    RunEvent,
    RunSubmitted,
    SignalReceived,
    StepFailed,
    StepSucceeded,
    TimerFired,
    ToolUse,
)
from schemas.records.run_views import RunView
from schemas.records.steps import AgentTurn, FunctionCall, LlmCall, StepRequest, ToolCall
from schemas.records.timers import Backstop, Deadline, SignalTimeout, timer_of
from schemas.spec.check.texts import prompt_problems
from schemas.spec.check.workflow import check_spec, parse_workflow, prompt_refs
from schemas.spec.hash import resolve
from schemas.spec.inputs.input_schema import check_input_schema
from schemas.spec.inputs.known_inputs import any_arguments, known_inputs, unknown_input_problems
from schemas.spec.inputs.prompt_values import check_prompt_values
from schemas.spec.inputs.required_inputs import needed_of
from schemas.spec.loops import every_node
from schemas.spec.model import (
    AgentNode,
    FunctionNode,
    LlmNode,
    PinnedPrompt,
    ResolvedSpec,
    ToolNode,
    WorkflowNode,
    WorkflowSpec,
)
from schemas.spec.nested import Family, Member, member_key, workflow_nodes
from schemas.spec.rules_version import rules_of
from schemas.spec.text.read import read_document
from schemas.templates import Dialect, parse_stored
from schemas.values.json_schemas import schema_problems
from schemas.values.json_text import write_json
from schemas.values.strict_schemas import misfits
from streams.core.commands import Arm, Disarm, Emit
from streams.core.memory import MemoryState
from streams.core.runs.fold import RunFold

__all__ = [
    "AgentNode",
    "AgentTurn",
    "Arm",
    "Backstop",
    "CancelRequested",
    "ChildFinished",
    "Deadline",
    "Dialect",
    "Disarm",
    "Emit",
    "ErrorInfo",
    "Family",
    "FunctionCall",
    "FunctionNode",
    "Inline",
    "InvalidInput",
    "InvalidOutput",
    "InvalidSpec",
    "LlmCall",
    "LlmNode",
    "Member",
    "MemoryState",
    "PinnedPrompt",
    "Problem",
    "PromptForm",
    "PromptPart",
    "ResolvedSpec",
    "RunEvent",
    "RunFold",
    "RunSubmitted",
    "RunView",
    "SignalReceived",
    "SignalTimeout",
    "StepError",
    "StepFailed",
    "StepRequest",
    "StepSucceeded",
    "TimerFired",
    "ToolCall",
    "ToolNode",
    "ToolUse",
    "Usage",
    "WorkflowNode",
    "WorkflowSpec",
    "any_arguments",
    "check_input_schema",
    "check_prompt_values",
    "check_spec",
    "checked_output",
    "content_hash",
    "correction",
    "correction_in_turn",
    "every_node",
    "form_hash",
    "inline",
    "known_inputs",
    "member_key",
    "misfits",
    "needed_of",
    "parse_stored",
    "parse_workflow",
    "prompt_problems",
    "prompt_refs",
    "read_answer",
    "read_document",
    "rendered_for",
    "repair_idempotency_key",
    "resolve",
    "rules_of",
    "schema_problems",
    "take_inline",
    "timer_of",
    "unknown_input_problems",
    "walk",
    "with_versions",
    "workflow_nodes",
    "write_json",
]
