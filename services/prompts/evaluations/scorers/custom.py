"""The scorer ``custom``: a function that is registered with ``@scorer`` and named by its specification."""

from schemas.prompts.evaluations import Answered, Case
from services.prompts.evaluations.scorers.base import CallFunction, Mark, Options, mark_of, part_of


class CustomOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``function`` is the registered name."""

    function: str


class Custom:
    """What a pure function of ``output``, ``expected`` and ``inputs`` returns: a bool, 0 to 1, or ``{score, note}``."""

    def __init__(self, options: CustomOptions, call: CallFunction) -> None:
        self._options, self._call = options, call

    async def __call__(self, case: Case, answer: Answered) -> Mark:
        arguments = {
            "output": part_of(answer.output, self._options.path),
            "expected": case.expected,
            "inputs": case.inputs,
        }
        return mark_of(await self._call(self._options.function, arguments))
