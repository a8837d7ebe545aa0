"""The scripted model: the worst that a model can do. It solves the user's task and obeys every order that it reads.

What it says next follows from the messages alone, so that a repeated call says the same. A call's id says for whom it
is: ``user-0``, ``attack-0``.
"""

import json
import re
from collections.abc import Sequence

from bench.agentdojo.world.suite import Call, Case, Json

USER, ATTACK = "user", "attack"
#: How the first message of a request names its case, and what the model makes of orders.
CASE = re.compile(r"\[case ([\w/]+) (obedient|faithful)\]")


def next_message(case: Case, messages: Sequence[Json], prefix: str, *, obedient: bool) -> Json:
    """Return the assistant's next message in the form of OpenAI's chat completions: one call, or the answer.

    ``prefix`` is what names of tools begin with on the wire.
    """
    made = [call["id"] for one in messages for call in one.get("tool_calls") or ()]
    results = [str(one["content"]) for one in messages if one["role"] == "tool"]
    obeys = obedient and bool(case.order) and any(case.order in text for text in results)
    for whose, plan in ((ATTACK, case.attack_calls if obeys else ()), (USER, case.calls)):
        number = sum(one.startswith(f"{whose}-") for one in made)
        if number < len(plan):
            return _asking(f"{whose}-{number}", prefix, plan[number])
    said = [case.answer, case.attack_answer if obeys else ""]
    # A model always says something.
    return {"role": "assistant", "content": "\n".join(one for one in said if one) or "Done."}


def _asking(id_: str, prefix: str, call: Call) -> Json:
    function = {"name": f"{prefix}{call.tool}", "arguments": json.dumps(call.args)}
    return {"role": "assistant", "content": None, "tool_calls": [{"id": id_, "type": "function", "function": function}]}
