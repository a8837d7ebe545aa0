"""Rotation of keys: what changes and what does not, with a kill between each of its steps, and with readers."""

from collections.abc import Callable

import pytest

from connectors.kms.opening import LocalKms
from connectors.kms.sealing import EnvelopeKeys, UnreadableError
from connectors.memory.vault import MemoryVaultStore
from connectors.ports.kms import Kms, Wrapped
from connectors.ports.vault import OrgKeyRow
from services.privacy.vault import rotation as rotating
from services.privacy.vault.keys import SETTLE_S, sealing_version
from services.privacy.vault.memory import MemoryVault, memory_vault
from services.privacy.vault.ports import CACHE_S, Erased
from services.privacy.vault.rotation import Rotation

MAIL = ("email", "ann@example.com")


class Killed(BaseException):
    """The process ends here."""


class Time:
    """The clock of stores and processes."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def ms(self) -> int:
        return int(self.now * 1000)


def local(current: str, before: str = "") -> Kms:
    keys = EnvelopeKeys.of(current, before)
    assert keys is not None
    return LocalKms(keys)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def vault(time: Time) -> MemoryVault:
    return memory_vault(MemoryVaultStore(time.ms), local("m" * 32), monotonic=time)


def rotation_of(vault: MemoryVault, reached: Callable[[str], None] = lambda _: None) -> Rotation:
    return Rotation(vault.store, vault.kms, vault.keys, reached=reached)


async def filled(vault: MemoryVault, subjects: int = 7) -> dict[str, bytes]:
    """Return what was sealed for each subject; the empty one is the organisation."""
    own = await vault.keys.org_key("acme")
    sealed = {"": own.seal(b"own", b"p")}
    for number in range(subjects):
        subject = f"sub_{number}"
        sealed[subject] = (await vault.keys.subject_key("acme", subject)).seal(subject.encode(), b"p")
    await vault.tokens.tokens_for("acme", None, [MAIL])
    return sealed


async def check(vault: MemoryVault, sealed: dict[str, bytes]) -> None:
    """Raise unless everything opens as before."""
    for subject, data in sealed.items():
        key = await (vault.keys.subject_key("acme", subject) if subject else vault.keys.org_key("acme"))
        assert key.open(data, b"p") == (subject.encode() or b"own")
    (token,) = await vault.tokens.tokens_for("acme", None, [MAIL])
    assert await vault.tokens.values_of("acme", [token]) == {token: MAIL[1]}


async def test_a_rotation_wraps_keys_again_and_changes_no_data(vault: MemoryVault, time: Time) -> None:
    sealed = await filled(vault)
    (token,) = await vault.tokens.tokens_for("acme", None, [MAIL])
    rotation = rotation_of(vault)
    assert (await rotation.status("acme")).state == "done"
    began = await rotation.begin("acme")
    assert (began.state, began.version) == ("settling", 1)
    time.now += SETTLE_S
    done = await rotation.advance("acme")
    assert done == ("done", 2, 0, 0)
    assert (await vault.store.counts("acme")).by_version == {2: 7}
    assert (await vault.store.counts("acme")).tokens_by_version == {2: 1}
    await check(vault, sealed)
    await check(memory_vault(vault.store, vault.kms), sealed)
    assert await vault.tokens.tokens_for("acme", None, [MAIL]) == [token]
    assert (await vault.keys.org_key("acme")).version == 2


async def test_a_rotation_under_way_is_continued_not_begun_twice(vault: MemoryVault, time: Time) -> None:
    await filled(vault)
    rotation = rotation_of(vault)
    await rotation.begin("acme")
    await rotation.begin("acme")
    assert len((await rotation.status("acme")).versions) == 2
    time.now += SETTLE_S
    assert (await rotation.begin("acme")).state == "done"
    await rotation.begin("acme")
    assert len((await rotation.status("acme")).versions) == 3


async def test_a_rotation_that_is_killed_after_any_step_is_continued(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotating, "BATCH", 2)
    steps = 0
    for killed_at in range(1, 20):
        vault = memory_vault(MemoryVaultStore(time.ms), local("m" * 32), monotonic=time)
        sealed = await filled(vault)
        seen = list[str]()

        def reached(step: str, seen: list[str] = seen, killed_at: int = killed_at) -> None:
            seen.append(step)
            if len(seen) == killed_at:
                raise Killed

        killed = False
        try:
            await rotation_of(vault, reached).begin("acme")
            time.now += SETTLE_S
            await rotation_of(vault, reached).advance("acme")
        except Killed:
            killed = True
        await check(vault, sealed)
        other = memory_vault(vault.store, vault.kms, monotonic=time)
        await check(other, sealed)
        time.now += SETTLE_S
        # A version that was made and not stored is as if it had never been.
        assert await rotation_of(other).advance("acme") == ("done", 1 if killed_at == 1 else 2, 0, 0)
        await check(memory_vault(vault.store, vault.kms, monotonic=time), sealed)
        steps = max(steps, len(seen))
        if not killed:
            break
    # made, added, four batches of subjects' keys and one of tokens
    assert steps == 7


async def test_a_process_never_meets_a_version_that_it_does_not_know(vault: MemoryVault, time: Time) -> None:
    await filled(vault)
    reader, writer = (memory_vault(vault.store, vault.kms, monotonic=time) for _ in range(2))
    await rotation_of(vault).begin("acme")
    for moment in range(30):
        time.now += 0.9
        # The reader looks at the vault as late as it may, the writer at every moment.
        writer.keys.forget_org("acme")
        data = (await writer.keys.org_key("acme")).seal(b"own", b"p")
        assert (await reader.keys.org_key("acme")).open(data, b"p") == b"own", moment
    assert (await reader.keys.org_key("acme")).version == 2
    assert SETTLE_S >= 2 * CACHE_S


async def test_subjects_that_are_made_or_erased_meanwhile_are_neither_lost_nor_brought_back(
    vault: MemoryVault, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotating, "BATCH", 2)
    sealed = await filled(vault)
    await rotation_of(vault).begin("acme")
    time.now += SETTLE_S
    older = await vault.store.older_subject_keys("acme", 2, "", 100)
    await vault.keys.erase("acme", "sub_3")
    await rotation_of(vault).advance("acme")
    late = await memory_vault(vault.store, vault.kms, monotonic=time).keys.subject_key("acme", "sub_late")
    assert late.open(late.seal(b"x", b"p"), b"p") == b"x"
    # What another process had read before the erasure changes nothing.
    key = await vault.keys.org_key("acme")
    changes = [change for row in older if row.subject == "sub_3" and (change := rotating._rewrapped(key, row))]
    assert len(changes) == 1
    assert await vault.store.rewrap_subject_keys("acme", changes) == 0
    with pytest.raises(Erased):
        await vault.keys.subject_key("acme", "sub_3")
    sealed.pop("sub_3")
    await check(vault, sealed)


async def test_a_damaged_key_is_counted_and_stops_nothing(vault: MemoryVault, time: Time) -> None:
    sealed = await filled(vault)
    (row,) = await vault.store.subject_keys("acme", ["sub_0"])
    vault.store._subjects["acme", "sub_0"] = row._replace(wrapped=row.wrapped[:-1] + b"\0")
    await rotation_of(vault).begin("acme")
    time.now += SETTLE_S
    assert await rotation_of(vault).advance("acme") == ("wrapping", 2, 1, 1)
    sealed.pop("sub_0")
    await check(memory_vault(vault.store, vault.kms, monotonic=time), sealed)


async def test_the_master_key_changes_without_a_moment_in_which_nothing_opens(vault: MemoryVault, time: Time) -> None:
    sealed = await filled(vault)
    both = memory_vault(vault.store, local("n" * 32, "m" * 32), monotonic=time)
    await check(both, sealed)
    assert (await rotation_of(both).status("acme")).behind == 1
    assert await rotation_of(both).rewrap_all() == (1, ())
    assert await rotation_of(both).rewrap("acme") == 0
    # The process that has both, one that has only the new key, and one that was not restarted and remembers.
    await check(both, sealed)
    await check(memory_vault(vault.store, local("n" * 32), monotonic=time), sealed)
    await check(vault, sealed)


async def test_a_master_key_that_is_changed_and_killed_between_two_versions_is_continued(
    vault: MemoryVault, time: Time
) -> None:
    sealed = await filled(vault)
    await rotation_of(vault).begin("acme")
    time.now += SETTLE_S
    await rotation_of(vault).advance("acme")

    def reached(step: str) -> None:
        raise Killed(step)

    both = memory_vault(vault.store, local("n" * 32, "m" * 32), monotonic=time)
    with pytest.raises(Killed):
        await rotation_of(both, reached).rewrap("acme")
    await check(both, sealed)
    assert await rotation_of(both).rewrap("acme") == 1
    await check(memory_vault(vault.store, local("n" * 32), monotonic=time), sealed)


async def test_a_key_that_does_not_open_is_named_and_the_others_are_wrapped(vault: MemoryVault) -> None:
    await filled(vault)
    stranger = memory_vault(vault.store, local("s" * 32))
    await stranger.keys.org_key("other")
    both = memory_vault(vault.store, local("n" * 32, "m" * 32))
    assert await rotation_of(both).rewrap_all() == (1, ("other",))


async def test_an_organisation_without_a_key_has_nothing_to_rotate(vault: MemoryVault) -> None:
    assert (await rotation_of(vault).status("nobody")).state == "none"
    assert await rotation_of(vault).advance("nobody") == ("none", 0, 0, 0)
    assert await vault.store.org_keys("nobody") == []


@pytest.mark.parametrize(
    ("active", "seals"),
    [
        ({1: True}, 1),
        ({1: True, 2: False}, 1),
        ({1: True, 2: True}, 2),
        # Seen by a reader that began before it was made.
        ({1: False}, 1),
        ({3: False, 4: False}, 3),
    ],
)
def test_the_newest_version_whose_time_has_come_seals(active: dict[int, bool], seals: int) -> None:
    rows = [OrgKeyRow(version, Wrapped(b"", "k"), is_active, 0) for version, is_active in active.items()]
    assert sealing_version(rows) == seals


def test_without_versions_nothing_seals() -> None:
    with pytest.raises(UnreadableError, match="restore the vault's backup"):
        sealing_version([])
