"""Step 10: an answer that breaks the schema of its call is none."""

import asyncio
from dataclasses import replace

from msgspec import structs

from schemas.prompts.output_check import ASKED_AGAIN, checked
from services.calls.call import Answer, Call, Proceed

#: A lenient reading of a longer text takes a thread, so that other calls need not wait for it.
_LONG = 4_096


class CheckOutput:
    """Checks the answers of calls with an output schema; a turn that requests tools has not answered yet.

    An answer that breaks it is returned as blocked by ``InvalidOutput``, since it must be paid for; ``settle`` raises
    it. One that was read leniently has a note (``output_check.REPAIRED``), and its text is what was read.
    """

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        answer, content = await proceed(call), call.content
        schema, response = content.output_schema, answer.response
        if schema is None or answer.blocked is not None or response.asked:
            return answer
        text, cut_off = response.text, response.finish_reason == "length"
        if content.repair and len(text) > _LONG:
            found = await asyncio.to_thread(checked, text, schema.schema, lenient=True, cut_off=cut_off)
        else:
            found = checked(text, schema.schema, lenient=content.repair, cut_off=cut_off)
        if found.problem is not None:
            # It is its own problem, so that what was received is recorded as it is.
            blocked = replace(response, problem=found.problem)
            return structs.replace(answer, response=blocked, blocked=found.problem)
        notes = (found.note, ASKED_AGAIN if call.trial.kind == "repair" else "")
        if not any(notes):
            return answer
        noted = (*response.notes, *filter(None, notes))
        return structs.replace(answer, response=replace(response, text=found.text, notes=noted))
