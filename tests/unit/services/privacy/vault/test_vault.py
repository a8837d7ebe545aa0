"""Keys and tokens over the vault in memory: who gets what, erasure, and what happens when the vault is down."""

import pytest

from connectors.kms.sealing import UnreadableError
from connectors.ports.vault import TokenRow
from schemas.errors import Unavailable
from services.privacy.vault.memory import memory_vault
from services.privacy.vault.ports import CACHE_S, Erased

MAIL, PHONE = ("email", "ann@example.com"), ("phone", "+1 202 555 0100")


class Time:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_key_is_made_once_and_is_the_same_for_every_process() -> None:
    first = memory_vault()
    second = memory_vault(first.store, first.kms)
    sealed = (await first.keys.subject_key("acme", "sub_1")).seal(b"value", b"p")
    assert (await second.keys.subject_key("acme", "sub_1")).open(sealed, b"p") == b"value"
    own = (await first.keys.org_key("acme")).seal(b"own", b"p")
    assert (await second.keys.org_key("acme")).open(own, b"p") == b"own"
    with pytest.raises(UnreadableError):
        (await second.keys.subject_key("acme", "sub_2")).open(sealed, b"p")


async def test_another_master_key_opens_nothing() -> None:
    first = memory_vault()
    await first.keys.org_key("acme")
    with pytest.raises(UnreadableError, match="VAULT_KEY"):
        await memory_vault(first.store).keys.org_key("acme")


async def test_known_keys_are_read_and_never_made() -> None:
    vault = memory_vault()
    await vault.keys.subject_key("acme", "sub_1")
    await vault.keys.erase("acme", "sub_2")
    known = await memory_vault(vault.store, vault.kms).keys.known_subject_keys("acme", ["sub_1", "sub_2", "sub_3"])
    assert list(known) == ["sub_1"]
    assert (await vault.store.counts("acme"))[:2] == (1, 1)


async def test_an_erased_subject_has_no_key_and_never_gets_one() -> None:
    vault = memory_vault()
    await vault.keys.subject_key("acme", "sub_1")
    (token,) = await vault.tokens.tokens_for("acme", "sub_1", [MAIL])
    assert await vault.keys.state_of("acme", "sub_1") == "active"
    assert await vault.keys.erase("acme", "sub_1")
    assert not await vault.keys.erase("acme", "sub_1")
    assert await vault.keys.state_of("acme", "sub_1") == "erased"
    assert await vault.keys.state_of("acme", "sub_2") == "none"
    for _ in range(2):
        with pytest.raises(Erased):
            await vault.keys.subject_key("acme", "sub_1")
        with pytest.raises(Erased):
            await vault.tokens.tokens_for("acme", "sub_1", [MAIL])
    assert await vault.tokens.values_of("acme", [token]) == {token: None}
    assert list(await vault.keys.erased("acme", ["sub_1", "sub_2"])) == ["sub_1"]


async def test_a_subject_without_a_key_can_be_erased_beforehand() -> None:
    vault = memory_vault()
    await vault.keys.erase("acme", "sub_new")
    with pytest.raises(Erased):
        await vault.keys.subject_key("acme", "sub_new")


async def test_another_process_forgets_an_erased_key_within_the_stated_time() -> None:
    time = Time()
    vault = memory_vault()
    other = memory_vault(vault.store, vault.kms, monotonic=time)
    (token,) = await vault.tokens.tokens_for("acme", "sub_1", [MAIL])
    await other.keys.subject_key("acme", "sub_1")
    assert await other.tokens.values_of("acme", [token]) == {token: MAIL[1]}
    await vault.keys.erase("acme", "sub_1")
    assert (await other.keys.subject_key("acme", "sub_1")).subject == "sub_1"
    time.now = CACHE_S
    with pytest.raises(Erased):
        await other.keys.subject_key("acme", "sub_1")
    assert await other.tokens.values_of("acme", [token]) == {token: None}


async def test_a_key_that_is_forgotten_is_looked_up_again_at_once() -> None:
    vault = memory_vault()
    other = memory_vault(vault.store, vault.kms)
    await other.keys.subject_key("acme", "sub_1")
    await vault.keys.erase("acme", "sub_1")
    other.keys.forget("acme", "sub_1")
    with pytest.raises(Erased):
        await other.keys.subject_key("acme", "sub_1")


async def test_tokens_are_the_same_for_equal_values_in_one_scope_alone() -> None:
    vault = memory_vault()
    first = await vault.tokens.tokens_for("acme", "sub_1", [MAIL, PHONE, MAIL])
    assert first[0] == first[2] != first[1]
    assert await vault.tokens.tokens_for("acme", "sub_1", [PHONE, MAIL]) == [first[1], first[0]]
    scopes = [
        await vault.tokens.tokens_for("acme", "sub_1", [MAIL]),
        await vault.tokens.tokens_for("acme", "sub_2", [MAIL]),
        await vault.tokens.tokens_for("acme", None, [MAIL]),
        await vault.tokens.tokens_for("acme", "sub_1", [MAIL], run="r1"),
        await vault.tokens.tokens_for("acme", "sub_1", [MAIL], run="r2"),
        await vault.tokens.tokens_for("other", "sub_1", [MAIL]),
        await vault.tokens.tokens_for("acme", "sub_1", [("phone", MAIL[1])]),
    ]
    assert len({one for (one,) in scopes}) == len(scopes)
    assert await vault.tokens.tokens_for("acme", "sub_1", []) == []


async def test_a_value_is_given_to_its_organisation_and_subject_alone() -> None:
    vault = memory_vault()
    (mine,) = await vault.tokens.tokens_for("acme", "sub_1", [MAIL])
    (shared,) = await vault.tokens.tokens_for("acme", None, [PHONE])
    assert await vault.tokens.values_of("acme", [mine, shared]) == {mine: MAIL[1], shared: PHONE[1]}
    assert await vault.tokens.values_of("acme", [mine, shared], subject="sub_1") == {mine: MAIL[1], shared: PHONE[1]}
    assert await vault.tokens.values_of("acme", [mine, shared], subject="sub_2") == {mine: None, shared: PHONE[1]}
    assert await vault.tokens.values_of("other", [mine, shared]) == {mine: None, shared: None}


async def test_a_row_that_was_moved_or_changed_does_not_open() -> None:
    vault = memory_vault()
    await vault.keys.subject_key("acme", "sub_2")
    (token,) = await vault.tokens.tokens_for("acme", "sub_1", [MAIL])
    row = (await vault.store.tokens("acme", [token]))[0]
    moved: list[TokenRow] = [row._replace(subject="sub_2"), row._replace(sealed=row.sealed[:-1] + b"\0")]
    for bad in moved:
        await vault.store.reseal_tokens("acme", [bad])
        with pytest.raises(UnreadableError):
            await memory_vault(vault.store, vault.kms).tokens.values_of("acme", [token])


async def test_while_the_vault_is_down_nothing_is_made_up() -> None:
    time = Time()
    vault = memory_vault(monotonic=time)
    (token,) = await vault.tokens.tokens_for("acme", "sub_1", [MAIL])
    vault.store.down = True
    # What is remembered serves for the stated time and no longer.
    assert await vault.tokens.tokens_for("acme", "sub_1", [MAIL]) == [token]
    with pytest.raises(Unavailable):
        await vault.tokens.tokens_for("acme", "sub_1", [PHONE])
    time.now = CACHE_S
    for asked in (
        vault.keys.org_key("acme"),
        vault.keys.subject_key("acme", "sub_1"),
        vault.keys.erase("acme", "sub_1"),
        vault.tokens.tokens_for("acme", "sub_1", [MAIL]),
        vault.tokens.values_of("acme", [token]),
    ):
        with pytest.raises(Unavailable):
            await asked
    vault.store.down = False
    assert await vault.tokens.values_of("acme", [token]) == {token: MAIL[1]}


async def test_two_values_with_equal_bits_get_two_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    # With two bits of a name shown, some of the values share tokens, as two of very many may with 60.
    monkeypatch.setattr("schemas.privacy.tokens.make", lambda _, bits: f"T{bits >> 58}")
    vault = memory_vault()
    values = [("email", f"{number}@example.com") for number in range(4)]
    tokens = [(await vault.tokens.tokens_for("acme", "sub_1", [one]))[0] for one in values[:3]]
    assert len(set(tokens)) == 3
    again = await memory_vault(vault.store, vault.kms).tokens.tokens_for("acme", "sub_1", values[:3])
    assert again == tokens
    stored = await vault.tokens.values_of("acme", tokens)
    assert [stored[one] for one in tokens] == [value for _, value in values[:3]]


@pytest.mark.parametrize("subject", ["", "x" * 129, "ä", "a\nb"])
async def test_what_cannot_be_a_pseudonym_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        await memory_vault().keys.subject_key("acme", subject)
