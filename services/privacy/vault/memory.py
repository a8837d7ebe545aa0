"""A whole vault in memory, with the same code as the real one: for tests, simulations and dry runs."""

import os
import time
from collections.abc import Callable
from typing import NamedTuple

from connectors.kms.opening import LocalKms
from connectors.kms.sealing import EnvelopeKeys
from connectors.memory.vault import MemoryVaultStore
from connectors.ports.kms import Kms
from services.privacy.vault.keys import VaultKeys
from services.privacy.vault.ports import CACHE_S
from services.privacy.vault.tokens import VaultTokens


class MemoryVault(NamedTuple):
    """``store.down = True`` takes it away. Two with one store and one ``kms`` are two processes."""

    keys: VaultKeys
    tokens: VaultTokens
    store: MemoryVaultStore
    kms: Kms


def memory_vault(
    store: MemoryVaultStore | None = None,
    kms: Kms | None = None,
    *,
    cache_s: float = CACHE_S,
    monotonic: Callable[[], float] = time.monotonic,
) -> MemoryVault:
    """Return a vault with a random master key, or over what another one has."""
    store, kms = store or MemoryVaultStore(), kms or _random_kms()
    keys = VaultKeys(store, kms, cache_s=cache_s, monotonic=monotonic)
    return MemoryVault(keys, VaultTokens(store, keys, cache_s=cache_s, monotonic=monotonic), store, kms)


def _random_kms() -> Kms:
    keys = EnvelopeKeys.of(os.urandom(32).hex())
    assert keys is not None
    return LocalKms(keys)
