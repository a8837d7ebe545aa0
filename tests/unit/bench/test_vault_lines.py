"""The quick lines of the vault hold their floors, and a vault that gives out another's value would not."""

import pytest

from bench.prove.privacy import vault
from deploy.local.engines.progress import silent
from services.privacy.vault.restore import Values
from services.privacy.vault.tokens import VaultTokens


def test_quick_lines_hold_their_floors_and_are_all_there() -> None:
    lines = {line.name: line.value for line in vault.measure(True, silent)}
    assert set(lines) == {aim.name for aim in vault.AIMS}
    # Those of time belong to a machine that does nothing else.
    judged = [aim for aim in vault.AIMS if aim.floor is not None and aim.unit not in {"us", "x"}]
    assert [(aim.name, lines[aim.name]) for aim in judged if not aim.floor.holds(lines[aim.name])] == []  # type: ignore[union-attr]


def test_a_vault_that_mixes_values_up_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = VaultTokens.values_of

    async def mixed(self: VaultTokens, org_id: str, tokens: set[str], *, subject: str | None = None) -> Values:
        values = await real(self, org_id, tokens, subject=subject)
        return {token: "person0.0@example.com" if value else None for token, value in values.items()}

    monkeypatch.setattr(VaultTokens, "values_of", mixed)
    lines = {line.name: line.value for line in vault.measure(True, silent)}
    assert lines["values_of_others"] > 1_000
    assert lines["round_trips_wrong"] > 300
