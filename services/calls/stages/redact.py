"""Before step 3: what a policy takes out of texts that a provider reads, after it has decided on the call.

Only here is all of it together: prompt, system's text, messages, results of tools. What comes after this stage (the
cache's key, the request, what is captured of it) has what is left. Images are not searched.
"""

from dataclasses import replace
from typing import Any

from msgspec import structs

from connectors.providers.conversation import Said, Turn
from schemas.records.base import Json
from services.calls.call import Answer, Call, Content, Proceed
from services.calls.security.private import Private


class Redact:
    """Redacts a call's content. Raises a ``StepError``: ``privacy_refused``, or ``privacy_failed``."""

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        if call.private is None:
            return await proceed(call)
        content = await _redacted(call, call.private)
        return await proceed(call if content is call.content else structs.replace(call, content=content))


async def _redacted(call: Call, private: Private) -> Content:
    """Return what a provider may read of a call's content."""
    said, subject = _said(call.content), "/".join(call.route).strip("/")
    found = await private.at("provider", said, call.ledger, point="model_call", subject=subject)
    return call.content if found.value == said else _with(call.content, found.value)


def _said(content: Content) -> dict[str, Json]:
    """Return all texts that a model reads, as one value: one question to the vault for all."""
    return {
        "prompt": content.prompt,
        "system": content.system,
        "developer": content.developer,
        "history": [one.text for one in content.history],
        "turns": [
            {"text": turn.text, "args": [one.args for one in turn.asked], "results": list(turn.results)}
            for turn in content.turns
        ],
    }


def _with(content: Content, said: dict[str, Any]) -> Content:
    history = [Said(one.role, text) for one, text in zip(content.history, said["history"], strict=True)]
    turns = [_turn(turn, one) for turn, one in zip(content.turns, said["turns"], strict=True)]
    return structs.replace(
        content,
        prompt=said["prompt"],
        system=said["system"],
        developer=said["developer"],
        history=tuple(history),
        turns=tuple(turns),
    )


def _turn(turn: Turn, said: dict[str, Any]) -> Turn:
    asked = tuple(replace(one, args=args) for one, args in zip(turn.asked, said["args"], strict=True))
    changed = replace(turn, text=said["text"], asked=asked, results=tuple(said["results"]))
    # What the provider gave with a turn that is another one now may repeat what was taken out.
    return turn if changed == turn else replace(changed, opaque=None)
