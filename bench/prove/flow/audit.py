"""Lines of the area ``flow`` for the audit log: how fast it is verified, what is found, and what writing it costs."""

import random
import time
from collections.abc import Callable, Sequence

import msgspec

from bench.flow.audit_load import cost_shares
from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most, line_of
from deploy.local.engines.progress import Progress
from schemas.audit.entries import entry_bytes, head_of, leaf_of
from schemas.audit.notes import Checkpoint, SigningKey
from schemas.audit.proofs import inclusion_ranges, is_included, perfect_parts, together
from schemas.audit.tree import Frontier, appended, root_of, root_of_frontier
from schemas.audit.verifying import Manifest, verify
from schemas.records.definitions import AuditEvent
from schemas.records.security.pinned import Decision

AIMS = (
    Aim("audit_verify_1m_s", "s", at_most(30), at_most(10)),
    Aim("audit_tamperings_found", "tamperings", at_least(200), at_least(200)),
    Aim("audit_proof_hashes_1m", "hashes", at_most(20), at_most(20)),
    Aim("audit_write_share", "%", at_most(5), at_most(2)),
    # Policies decide nothing of functions: what an event costs at most, against the cheapest run that there is.
    Aim("audit_write_share_functions", "%"),
)
EVENTS, QUICK_EVENTS = 1_000_000, 100_000
#: A checkpoint of each so many entries, as a busy log keeps them.
KEPT = 10_000
TAMPERINGS, TAMPERED_LOG = 200, 1_000
ORIGIN = "bench/audit/acme"
KEY = SigningKey("bench/audit", bytes(32))
Lines = list[bytes]


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Verify a large log, tamper with a small one, prove entries, and measure a system that writes one."""
    events = QUICK_EVENTS if quick else EVENTS
    progress(f"audit: a log of {events:,} entries is made and verified")
    lines, leaves = exported(events, KEPT)
    began = time.perf_counter()
    result = verify(lines, [KEY.public])
    took = (time.perf_counter() - began) * EVENTS / events
    assert result.intact, result.findings
    longest = _longest_proof(leaves)
    del lines
    progress(f"audit: {TAMPERINGS} tamperings")
    found, missed = tamperings_found(TAMPERINGS, random.Random(17))  # noqa: S311 - tests, not secrets
    said = f"of a log of {events:,} entries with {result.checkpoints} checkpoints"
    measured = [
        line_of(AIMS, "audit_verify_1m_s", took, said + (", times ten" if quick else "")),
        line_of(AIMS, "audit_tamperings_found", found, f"of {TAMPERINGS}; not found: {', '.join(missed) or 'none'}"),
        line_of(AIMS, "audit_proof_hashes_1m", longest, f"the longest of 200 proofs in {len(leaves):,} entries"),
    ]
    if not quick:
        calls, functions, how = cost_shares(progress)
        measured.append(line_of(AIMS, "audit_write_share", calls, how))
        measured.append(line_of(AIMS, "audit_write_share_functions", functions, "of runs of three functions"))
    return measured


def event(number: int, subject: str = "send_mail") -> AuditEvent:
    """Return an event as a worker records it: one attempt with one decision about a tool."""
    labels = {"to": ["user"], "body": ["web"]}
    decision = Decision(point="tool_call", rule="recipients", verdict="allow", subject=subject, labels=labels)
    return AuditEvent(
        event_id=f"decisions/{number:032x}",
        org_id="acme",
        actor="role:worker",
        action="tool_call",
        subject=subject,
        decision="allowed",
        at_ms=1_796_000_000_000 + number,
        kind="decisions",
        run_id=f"{number:036x}",
        step_id="mail",
        attempt=1,
        policy="default@1",
        decisions=[decision],
    )


def exported(count: int, kept: int) -> tuple[Lines, list[bytes]]:
    """Return an export with a checkpoint of each ``kept`` entries, and its leaves."""
    frontier: Frontier = ()
    lines, leaves, notes = [b""], list[bytes](), list[str]()
    for index in range(count):
        one = event(index)
        data = entry_bytes(one)
        leaf = leaf_of(head_of(index, one.kind, one.at_ms, data))
        frontier, _ = appended(frontier, index, leaf)
        lines.append(data + b"\n")
        leaves.append(leaf)
        if (index + 1) % kept == 0 or index + 1 == count:
            root = root_of_frontier(frontier)
            notes.append(KEY.signed(Checkpoint(ORIGIN, index + 1, root, one.at_ms).text))
    lines[0] = msgspec.json.encode(Manifest(ORIGIN, notes)) + b"\n"
    return lines, leaves


def tamperings_found(count: int, rng: random.Random) -> tuple[int, list[str]]:
    """Tamper with an export at random, and return how many tamperings are found, and the kinds that are not.

    A fork is signed by the log's own key, as an operator could; who verifies has one checkpoint from before.
    """
    whole, _ = exported(TAMPERED_LOG, 100)
    kept = msgspec.json.decode(whole[0], type=Manifest).checkpoints[5]
    assert verify(whole, [KEY.public], [kept]).intact
    found, missed = 0, []
    for number in range(count):
        kind = list(_KINDS)[number % len(_KINDS)]
        if verify(_KINDS[kind](list(whole), rng), [KEY.public], [kept]).intact:
            missed.append(kind)
        else:
            found += 1
    return found, missed


def _bit(lines: Lines, rng: random.Random) -> Lines:
    at = rng.randrange(1, len(lines))
    line = bytearray(lines[at])
    line[rng.randrange(len(line) - 1)] ^= 1 << rng.randrange(8)
    lines[at] = bytes(line)
    return lines


def _drop(lines: Lines, rng: random.Random) -> Lines:
    del lines[rng.randrange(1, len(lines))]
    return lines


def _swap(lines: Lines, rng: random.Random) -> Lines:
    one, other = rng.sample(range(1, len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]
    return lines


def _insert(lines: Lines, rng: random.Random) -> Lines:
    lines.insert(rng.randrange(1, len(lines) + 1), entry_bytes(event(rng.randrange(10**6), "other")) + b"\n")
    return lines


def _truncate(lines: Lines, rng: random.Random) -> Lines:
    """Cut the log, at an older checkpoint too: then only what was kept shows it."""
    cut = rng.randrange(1, 600)
    manifest = msgspec.json.decode(lines[0], type=Manifest)
    notes = [note for note in manifest.checkpoints if Checkpoint.read(note.partition("\n\n")[0] + "\n").size <= cut]
    if notes:
        cut = Checkpoint.read(notes[-1].partition("\n\n")[0] + "\n").size if rng.random() < 0.5 else cut
        lines[0] = msgspec.json.encode(Manifest(ORIGIN, notes)) + b"\n"
    return lines[: cut + 1]


def _fork(lines: Lines, rng: random.Random) -> Lines:
    """Write another log from an entry on that the kept checkpoint is over, and sign it."""
    at = rng.randrange(1, 600)
    entries = [line[:-1] for line in lines[1:at]]
    entries += [entry_bytes(event(number, "forked")) for number in range(at - 1, TAMPERED_LOG)]
    leaves = []
    for index, data in enumerate(entries):
        said = msgspec.json.decode(data)
        leaves.append(leaf_of(head_of(index, said["kind"], said["at_ms"], data)))
    notes = [
        KEY.signed(Checkpoint(ORIGIN, size, root_of(leaves[:size]), 1_796_000_000_000 + size).text)
        for size in range(100, TAMPERED_LOG + 1, 100)
    ]
    return [msgspec.json.encode(Manifest(ORIGIN, notes)) + b"\n", *(data + b"\n" for data in entries)]


_KINDS: dict[str, Callable[[Lines, random.Random], Lines]] = {
    "bit": _bit,
    "drop": _drop,
    "swap": _swap,
    "insert": _insert,
    "truncate": _truncate,
    "fork": _fork,
}


def _longest_proof(leaves: list[bytes]) -> int:
    """Prove entries, and return how many hashes the longest proof has."""
    size, root, rng = len(leaves), root_of(leaves), random.Random(7)  # noqa: S311 - a sample
    hashes: dict[tuple[int, int], bytes] = {}
    longest = 0
    for index in (0, size - 1, *(rng.randrange(size) for _ in range(198))):
        proof = []
        for one in inclusion_ranges(index, size):
            if one not in hashes:
                hashes[one] = together([root_of(leaves[start:end]) for start, end in perfect_parts(*one)])
            proof.append(hashes[one])
        assert is_included(leaves[index], index, size, proof, root)
        longest = max(longest, len(proof))
    return longest
