"""``agentctl audit``: an export verifies without a server, and what was tampered with does not."""

from pathlib import Path

import pytest

from schemas.audit.log import LogHead
from schemas.audit.notes import Checkpoint, SigningKey
from schemas.audit.tree import root_of_frontier
from streams.core.audit.fold import append_all, arrived
from tests.support.audit import AT_MS, KEY, audit_event
from tests.support.ctl import Ctl
from tests.support.ctl_audit import EVENTS, lines, proof


@pytest.fixture
def ctl(tmp_path: Path) -> Ctl:
    made = Ctl(tmp_path)
    made.api.answers["GET", "/api/v1/audit/lines"] = [lines(0, 8, 8), lines(8, 12, None)]
    return made


@pytest.fixture
def export(ctl: Ctl, tmp_path: Path) -> Path:
    file = tmp_path / "acme.jsonl"
    done = ctl("audit", "export", str(file))
    assert done.code == 0, done.err
    assert [sent.params.get("first") for sent in ctl.api.sent if sent.path.endswith("/lines")] == [0, 8]
    assert "12 entries" in done.err
    return file


def test_an_export_verifies_with_the_key_alone(ctl: Ctl, export: Path, tmp_path: Path) -> None:
    sent = len(ctl.api.sent)
    done = ctl("audit", "verify", str(export), "--key", KEY.public.text, "-o", "json", given_api=False)
    assert done.code == 0, done.err
    assert done.document["intact"] is True
    assert done.document["entries"] == 12
    key, note = tmp_path / "acme.key", tmp_path / "old.note"
    key.write_text(ctl("audit", "key").out)
    note.write_text(ctl("audit", "checkpoint", "--note").out)
    assert ctl("audit", "verify", str(export), "--key", str(key), "--kept", str(note)).code == 0
    assert len(ctl.api.sent) == sent + 2


@pytest.mark.parametrize("how", ["bit", "drop", "swap", "insert", "truncate"])
def test_tampering_ends_with_1_and_says_where(ctl: Ctl, export: Path, how: str) -> None:
    text = export.read_text().splitlines(keepends=True)
    match how:
        case "bit":
            text[7] = text[7].replace("key 6", "key 7")
        case "drop":
            del text[7]
        case "swap":
            text[7], text[8] = text[8], text[7]
        case "insert":
            text.insert(7, EVENTS[3].data.decode() + "\n")
        case "truncate":
            del text[9:]
    export.write_text("".join(text))
    done = ctl("audit", "verify", str(export), "--key", KEY.public.text)
    assert done.code == 1
    assert "is not what was signed" in done.err
    assert ("5 to 11" in done.out) is (how not in ("drop", "truncate"))


def test_a_fork_is_found_by_a_checkpoint_that_was_kept(ctl: Ctl, export: Path, tmp_path: Path) -> None:
    head = append_all(LogHead(), [arrived(audit_event(99), AT_MS)], ()).head
    note = tmp_path / "kept.note"
    note.write_text(KEY.signed(Checkpoint("example.test/audit/acme", 1, root_of_frontier(head.frontier), AT_MS).text))
    done = ctl("audit", "verify", str(export), "--key", KEY.public.text, "--kept", str(note))
    assert done.code == 1
    assert "0 to 0" in done.err


def test_a_key_is_needed_and_must_be_one(ctl: Ctl, export: Path) -> None:
    assert ctl("audit", "verify", str(export)).code == 2
    assert ctl("audit", "verify", str(export), "--key", "no key").code == 2
    other = SigningKey("example.test/audit", bytes(32)).public.text
    assert ctl("audit", "verify", str(export), "--key", other).code == 1
    assert ctl("audit", "verify", str(export), "--key", other, "--key", KEY.public.text).code == 0, "after a rotation"


def test_a_proof_is_verified_here(ctl: Ctl) -> None:
    done = ctl("audit", "prove", "4", "--key", KEY.public.text, "-o", "json")
    assert done.code == 0, done.err
    assert done.document["entry"]["event_id"] == "e4"
    ctl.api.answers["GET", "/api/v1/audit/proof"] = proof(4) | {"line": EVENTS[5].data.decode()}
    assert ctl("audit", "prove", "4", "--key", KEY.public.text).code == 1


def test_an_export_needs_a_checkpoint(ctl: Ctl, tmp_path: Path) -> None:
    ctl.api.answers["GET", "/api/v1/audit/checkpoints"] = {"checkpoints": []}
    assert ctl("audit", "export", str(tmp_path / "x")).code == 1
    assert not (tmp_path / "x").exists()
