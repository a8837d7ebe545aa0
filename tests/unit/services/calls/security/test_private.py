"""An answer as it may be at a place: its text and the calls that it requests."""

from connectors.aio.clock import WallClock
from connectors.providers.base import ModelResponse
from connectors.providers.conversation import Asked
from schemas.records.base import Usage
from services.calls.ledger import Ledger
from services.calls.security.private import Private
from tests.support.privacy import OF, TOKEN, redactor

MAIL = "ann@acme.org"


async def test_an_answer_is_redacted_with_the_arguments_of_the_calls_that_it_requests() -> None:
    section = {"redact": [{"id": "mails", "kinds": ["email"], "action": "token", "at": ["log"]}]}
    private = Private(redactor(section), OF, WallClock())
    asked = (Asked("1", "mail", {"to": MAIL}), Asked("2", "read", {"key": "k"}))
    opaque = {"provider": "x", "thinking": f"I mail {MAIL}"}
    found = await private.response(
        ModelResponse(f"to {MAIL}", Usage(), asked=asked, opaque=opaque), "log", ledger := Ledger()
    )
    token = found.text.removeprefix("to ")
    assert TOKEN.fullmatch(token)
    assert found.asked == (Asked("1", "mail", {"to": token}), asked[1])
    assert found.opaque is None, "it repeats what was taken out"
    assert [one.rule for one in ledger.decisions] == ["privacy:mails"]
