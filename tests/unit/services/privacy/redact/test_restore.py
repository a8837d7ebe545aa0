"""Values put back."""

import pytest

from schemas.errors import StepError
from services.privacy.redact.restore import May, restored
from tests.support.privacy import Vault


async def test_only_allowed_kinds_come_back() -> None:
    vault = Vault()
    mail, card = await vault.tokens_for("acme", None, [("email", "ann@acme.org"), ("card", "4111")])
    value = {"a": f"{mail} pays with {card}", "b": [mail], "n": 1}
    assert (await restored(vault, "acme", value, May([(("email",), ())]))).value == {
        "a": f"ann@acme.org pays with {card}",
        "b": ["ann@acme.org"],
        "n": 1,
    }
    assert (await restored(vault, "acme", value, May([((), ("card",))]))).value["a"] == f"{mail} pays with 4111"
    assert (await restored(vault, "acme", value, May([]))).value is value


async def test_a_token_of_another_organisation_or_an_erased_one_stays() -> None:
    vault = Vault()
    (mail,) = await vault.tokens_for("acme", None, [("email", "ann@acme.org")])
    assert (await restored(vault, "other", [mail], May([((), ())]))).value == [mail]
    (hers,) = await vault.tokens_for("acme", "sub_1", [("email", "ann@acme.org")])
    assert (await restored(vault, "acme", [hers], May([((), ())]))) == (["ann@acme.org"], ("email",))
    await vault.keys.erase("acme", "sub_1")
    assert (await restored(vault, "acme", [hers], May([((), ())]))) == ([hers], ())


async def test_while_the_vault_is_down_nothing_is_restored() -> None:
    vault = Vault()
    (mail,) = await vault.tokens_for("acme", None, [("email", "ann@acme.org")])
    vault.down = True
    with pytest.raises(StepError) as failed:
        await restored(vault, "acme", [mail], May([((), ())]))
    assert failed.value.retryable
    # Without a token there is no question.
    assert (await restored(vault, "acme", ["x"], May([((), ())]))).value == ["x"]
