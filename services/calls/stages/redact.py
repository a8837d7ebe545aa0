"""Before step 3: what a policy takes out of texts that a provider reads, after it has decided on the call.

In every call, with a policy or without one, invisible characters are taken out first: a person who looks at the text
does not see them, and a model reads them.

Only here is all of it together: prompt, system's text, messages, results of tools. What comes after this stage (the
cache's key, the request, what is captured of it) has what is left. Pictures are not searched: they stay, or
are taken out, as the policy says.
"""

from dataclasses import replace
from typing import Any

from msgspec import structs

from connectors.providers.conversation import Said, Turn
from schemas.records.base import Json
from services.calls.call import Answer, Call, Content, Proceed
from services.calls.security.pictures import allowed_pictures
from services.calls.security.private import Private
from services.calls.security.private_stream import PrivateStream
from services.privacy.sanitise.canonical import visible


class Redact:
    """Redacts a call's content. Raises a ``StepError``: ``privacy_refused``, or ``privacy_failed``."""

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        content = _visible(call.content)
        private = call.private
        if private is None:
            return await proceed(call if content is call.content else structs.replace(call, content=content))
        content = await _redacted(call, content, private)
        if call.on_delta is None:
            return await proceed(structs.replace(call, content=content))
        stream = PrivateStream(private, call.on_delta)
        answer = await proceed(structs.replace(call, content=content, on_delta=stream))
        await stream.end()
        return answer


def _visible(content: Content) -> Content:
    """Return content as a person sees it. Nearly all texts are, and this takes some nanoseconds for each."""
    said = _said(content)
    found = seen(said)
    return content if found is said else _with(content, found)


async def _redacted(call: Call, content: Content, private: Private) -> Content:
    """Return what a provider may read of a call's content."""
    said, subject = _said(content), "/".join(call.route).strip("/")
    content, left = allowed_pictures(private, call, content, said)
    found = await private.at("provider", left, call.ledger, point="model_call", subject=subject)
    return content if found.value == said else _with(content, found.value)


def seen(value: Any) -> Any:
    """Return a JSON value whose texts have no invisible characters; the value itself where none has any."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        changed = {visible(key): seen(one) for key, one in value.items()}
        return value if all(changed.get(key) is one for key, one in value.items()) else changed
    if isinstance(value, list):
        items = [seen(one) for one in value]
        return value if all(new is one for new, one in zip(items, value, strict=True)) else items
    return value


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
