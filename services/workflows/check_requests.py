"""What a checker of documents is asked, and what it answers: data that a pickle carries between two processes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.errors import InvalidSpec, Problem, TooLarge
from schemas.spec.check.workflow import CheckedSpec, check_spec, parse_workflow
from schemas.spec.model import PinnedPrompt, WorkflowSpec
from schemas.spec.nested import Family
from services.workflows.resolver import make_plan


@dataclass(frozen=True, slots=True)
class Parse:
    """A request to read a document's text. Its answer is a ``WorkflowSpec``."""

    text: str

    def answer(self) -> WorkflowSpec:
        """Return the workflow. Raises ``InvalidSpec``."""
        return parse_workflow(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A request to check a workflow as its registration does, with its plan. Its answer is a ``CheckedSpec``."""

    spec: WorkflowSpec
    prompts: Mapping[str, PinnedPrompt]
    tools: Sequence[str]
    functions: Sequence[str]
    further: Sequence[Problem]
    family: Family

    def answer(self) -> CheckedSpec:
        """Return the checked workflow. Raises ``InvalidSpec``, and ``TooLarge`` for its plan."""
        checked = check_spec(
            self.spec,
            prompts=self.prompts,
            tools=self.tools,
            functions=self.functions,
            further=self.further,
            family=self.family,
        )
        make_plan(self.spec, checked.prompts, self.family)
        return checked


@dataclass(frozen=True, slots=True)
class Refusal:
    """A document's problems, or the reason why its plan is too large; a pickle loses the parts of exceptions."""

    problems: tuple[Problem, ...] = ()
    too_large: str = ""

    def error(self) -> InvalidSpec | TooLarge:
        """Return the error that the request met."""
        return TooLarge(self.too_large) if self.too_large else InvalidSpec(self.problems)


def answer(request: Parse | Check) -> WorkflowSpec | CheckedSpec | Refusal:
    """Return the answer, or why there is none."""
    try:
        return request.answer()
    except InvalidSpec as exc:
        return Refusal(problems=exc.problems)
    except TooLarge as exc:
        return Refusal(too_large=str(exc))
