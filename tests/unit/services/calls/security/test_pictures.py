"""Pictures that a provider is shown: kept, taken out or refused, by the policy."""

from typing import Any

import pytest
from msgspec import structs

from connectors.aio.clock import WallClock
from connectors.providers.base import ModelResponse
from connectors.providers.conversation import Said
from connectors.providers.images import ImageInput
from schemas.errors import StepError
from schemas.records.base import Json, Usage
from services.calls.call import Answer, Call, Content
from services.calls.security.pictures import REMOVED
from services.calls.security.private import Private
from services.calls.stages.redact import Redact
from tests.support.calls import call as made_call
from tests.support.privacy import OF, redactor

PICTURE = ImageInput("image/png", b"not looked at", {})
URL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAA"
    "AABJRU5ErkJggg=="
)


async def sent(images: dict[str, Json] | None, content: Content, **more: Any) -> tuple[Content, Call]:
    """Return what a provider gets, and the call."""
    seen: list[Call] = []

    async def proceed(given: Call) -> Answer:
        seen.append(given)
        return Answer(response=ModelResponse("ok", Usage()))

    section: dict[str, Json] = {} if images is None else {"images": images}
    call = structs.replace(made_call(), content=content, private=Private(redactor(section, **more), OF, WallClock()))
    await Redact()(call, proceed)
    return seen[0].content, call


@pytest.fixture
def content() -> Content:
    history = (Said("user", f"look: {URL} what is it?"),)
    return structs.replace(made_call().content, prompt=f"![x]({URL})", history=history, pictures=(PICTURE,))


@pytest.mark.parametrize("images", [None, {"action": "keep"}, {"action": "drop", "nodes": ["other"]}])
async def test_without_a_rule_for_it_pictures_stay(images: dict[str, Json] | None, content: Content) -> None:
    found, call = await sent(images, content)
    assert (found, call.ledger.decisions) == (content, [])


async def test_dropped_pictures_are_nowhere_in_what_is_sent(content: Content) -> None:
    found, call = await sent({"action": "drop"}, content)
    assert found.pictures == ()
    assert (found.prompt, found.history[0].text) == (f"![x]({REMOVED})", f"look: {REMOVED} what is it?")
    (decision,) = call.ledger.decisions
    assert (decision.rule, decision.verdict, decision.reason) == ("privacy:images", "redact", "found 3 pictures")


@pytest.mark.parametrize(
    "written",
    [
        URL.upper().replace("BASE64", "Base64"),
        URL.replace("data:image", "data: image").replace(";base64", " ; charset=x ; base64"),
        f"{URL[:70]}\n{URL[70:]}",
        "data:image/svg+xml,%3Csvg%20xmlns=x%3E%3C/svg%3E",
    ],
)
async def test_a_picture_is_found_however_its_url_is_written(written: str, content: Content) -> None:
    found, _ = await sent({"action": "drop"}, structs.replace(content, prompt=written, pictures=(), history=()))
    assert found.prompt == REMOVED


async def test_denied_pictures_refuse_the_call(content: Content) -> None:
    with pytest.raises(StepError, match="shows pictures") as caught:
        await sent({"action": "deny"}, content)
    assert caught.value.code == "privacy_refused"


async def test_in_shadow_mode_it_is_recorded_and_nothing_changes(content: Content) -> None:
    found, call = await sent({"action": "deny", "mode": "shadow"}, content)
    assert (found, [one.enforced for one in call.ledger.decisions]) == (content, [False])


async def test_words_about_pictures_are_no_pictures(content: Content) -> None:
    text = "send it as image/png, not as data:text/plain,hello"
    found, call = await sent({"action": "deny"}, structs.replace(content, prompt=text, pictures=(), history=()))
    assert (found.prompt, call.ledger.decisions) == (text, [])
