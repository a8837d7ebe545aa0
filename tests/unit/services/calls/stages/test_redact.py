"""What a provider reads, and what the reader of a stream gets."""

from typing import Any

import pytest
from msgspec import structs

from connectors.aio.clock import WallClock
from connectors.providers.base import ModelResponse
from connectors.providers.conversation import Asked, Said, Turn
from connectors.providers.deltas import ReasoningDelta, TextDelta, UsageDelta
from schemas.errors import StepError
from schemas.records.base import Json, Usage
from services.calls.call import Answer, Call, Content
from services.calls.security.private import Private
from services.calls.stages.redact import Redact
from tests.support.calls import call as made_call
from tests.support.privacy import OF, TOKEN, FakeDetectors, Vault, redactor

MAILS: dict[str, Json] = {"id": "mails", "kinds": ["email"], "action": "token", "at": ["log", "provider"]}
HIDDEN = "a\u200bb\U000e0041c"


@pytest.fixture
def call() -> Call:
    return made_call()


def private(section: dict[str, Json], **more: Any) -> Private:
    return Private(redactor(section, **more), OF, WallClock())


async def sent(call: Call, **changes: Any) -> Content:
    seen: list[Call] = []

    async def proceed(given: Call) -> Answer:
        seen.append(given)
        return Answer(response=ModelResponse("ok", Usage()))

    await Redact()(structs.replace(call, **changes), proceed)
    return seen[0].content


async def test_nothing_invisible_reaches_a_model(call: Call) -> None:
    turn = Turn(HIDDEN, (Asked("1", "t", {HIDDEN: [HIDDEN, 1]}),), (HIDDEN,), {"provider": "x"})
    content = structs.replace(
        call.content, prompt=HIDDEN, system=HIDDEN, developer=HIDDEN, history=(Said("user", HIDDEN),), turns=(turn,)
    )
    found = await sent(call, content=content)
    assert (found.prompt, found.system, found.developer, found.history[0].text) == ("abc",) * 4
    assert found.turns[0] == Turn("abc", (Asked("1", "t", {"abc": ["abc", 1]}),), ("abc",))


async def test_what_is_plain_is_the_same_object(call: Call) -> None:
    content = structs.replace(call.content, prompt="Grüße 你好", template=None)
    assert await sent(call, content=content) is content


async def test_all_texts_that_a_provider_reads_are_redacted(call: Call) -> None:
    mail = "to ann@acme.org"
    turn = Turn(mail, (Asked("1", "t", {"to": mail}),), (mail,), {"provider": "x"})
    content = structs.replace(call.content, prompt=mail, system=mail, history=(Said("user", mail),), turns=(turn,))
    vault = Vault()
    found = await sent(call, content=content, private=private({"redact": [MAILS]}, vault=vault))
    token = found.prompt
    assert TOKEN.search(token)
    assert (found.system, found.history[0].text) == (token, token)
    assert found.turns[0] == Turn(token, (Asked("1", "t", {"to": token}),), (token,))
    assert len(vault.questions) == 1


async def streamed(call: Call, section: dict[str, Json], pieces: list[Any], **more: Any) -> list[Any]:
    got: list[Any] = []

    async def listener(delta: Any) -> None:
        got.append(delta)

    async def proceed(given: Call) -> Answer:
        assert given.on_delta is not None
        for piece in pieces:
            await given.on_delta(piece)
        return Answer(response=ModelResponse("", Usage()))

    await Redact()(structs.replace(call, private=private(section, **more), on_delta=listener), proceed)
    return got


@pytest.mark.parametrize("cut", range(1, 30))
async def test_a_value_that_is_split_in_a_stream_is_a_token(call: Call, cut: int) -> None:
    text = "you can write to ann@acme.org about it, she is there"
    got = await streamed(call, {"redact": [MAILS]}, [TextDelta(text[:cut]), TextDelta(text[cut:])])
    whole = "".join(one.text for one in got)
    assert "ann@acme.org" not in whole
    assert TOKEN.sub("ann@acme.org", whole) == text


async def test_thoughts_are_not_delivered_and_counts_are(call: Call) -> None:
    pieces = [ReasoningDelta("ann@acme.org"), UsageDelta(Usage()), TextDelta("hello there. ")]
    got = await streamed(call, {"redact": [MAILS]}, pieces)
    assert [type(one) for one in got] == [UsageDelta, TextDelta]


@pytest.mark.parametrize("why", ["deny", "vault", "detectors"])
async def test_a_stream_that_cannot_be_redacted_is_cut(call: Call, why: str) -> None:
    vault, detectors = Vault(), FakeDetectors()
    section: dict[str, Json] = {"redact": [{**MAILS, "action": "deny" if why == "deny" else "token", "at": ["log"]}]}
    pieces = [TextDelta("first of all. "), TextDelta("then ann@acme.org is here. "), TextDelta("and more. ")]
    vault.down = why == "vault"
    if why == "detectors":
        section["redact"] = [{**MAILS, "at": ["log"]}]
        detectors.fault = StepError("privacy_failed", "no")
    got = await streamed(call, section, pieces, vault=vault, detectors=detectors)
    whole = "".join(one.text for one in got)
    assert "ann@acme" not in whole
    assert "more" not in whole
