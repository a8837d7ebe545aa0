"""What a checker of documents is asked, and what it answers: data that a pickle carries between two processes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from schemas.errors import InvalidSpec, Problem, TooLarge
from schemas.prompts.inline import InlinePrompt, take_inline
from schemas.spec.check.workflow import check_spec, parse_workflow
from schemas.spec.inputs.known_inputs import ArgumentNames
from schemas.spec.model import PinnedPrompt, WorkflowSpec
from schemas.spec.nested import Family
from schemas.spec.text.read import read_document
from services.security.flow.check import FlowCheck
from services.workflows.resolver import Plan, plan_of


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document that was read: its workflow, and the prompts that are written inside of nodes."""

    spec: WorkflowSpec
    inline: Sequence[InlinePrompt]


@dataclass(frozen=True, slots=True)
class Parse:
    """A request to read a document's text. Its answer is a ``ReadDocument``."""

    text: str

    def answer(self) -> ReadDocument:
        """Return the workflow and its inline prompts. Raises ``InvalidSpec`` with the problems of both."""
        document, inline, problems = take_inline(read_document(self.text))
        try:
            spec = parse_workflow(document)
        except InvalidSpec as exc:
            raise InvalidSpec((*problems, *exc.problems)) from exc
        if problems:
            raise InvalidSpec(tuple(problems))
        return ReadDocument(spec, inline)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A request to check a workflow as its registration does. Its answer is the workflow's ``Plan``.

    ``flow`` checks where its data may go; without it nothing does.
    """

    spec: WorkflowSpec
    prompts: Mapping[str, PinnedPrompt]
    tools: Sequence[str]
    functions: Sequence[str]
    further: Sequence[Problem]
    family: Family
    arguments: ArgumentNames
    flow: FlowCheck | None = None

    def answer(self) -> Plan:
        """Return the plan. Raises ``InvalidSpec``, and ``TooLarge`` for the plan."""
        checked = check_spec(
            self.spec,
            prompts=self.prompts,
            tools=self.tools,
            functions=self.functions,
            further=self.further,
            family=self.family,
            arguments=self.arguments,
        )
        plan = plan_of(self.spec, checked.resolved, checked.required_inputs, self.arguments)
        return plan if self.flow is None else replace(plan, flow=self.flow.warnings(checked.resolved))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A document's problems, or the reason why its plan is too large; a pickle loses the parts of exceptions."""

    problems: tuple[Problem, ...] = ()
    too_large: str = ""

    def error(self) -> InvalidSpec | TooLarge:
        """Return the error that the request met."""
        return TooLarge(self.too_large) if self.too_large else InvalidSpec(self.problems)


def answer(request: Parse | Check) -> ReadDocument | Plan | Refusal:
    """Return the answer, or why there is none."""
    try:
        return request.answer()
    except InvalidSpec as exc:
        return Refusal(problems=exc.problems)
    except TooLarge as exc:
        return Refusal(too_large=str(exc))
