"""Lines of the vault: round trips, a model that mangles tokens, streams, rotations with readers, and costs.

A mangled token counts as restored when its own value is in its place, and as refused when the text stays as it is.
Everything else is a failure. A refused one is noticed when it looks like a token whose check is wrong, or when the
vault has no value for it.
"""

import asyncio
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.lines import Line
from bench.privacy.vault_texts import HARMFUL, HARMLESS, Change, Piece, text_of
from bench.prove.area import Aim, at_least, at_most, line_of
from bench.prove.privacy.aims import ISSUE
from connectors.memory.vault import MemoryVaultStore
from deploy.local.engines.progress import Progress
from schemas.privacy.tokens import find, make, mangled
from services.privacy.vault.data_key import DataKey, new_material
from services.privacy.vault.memory import MemoryVault, memory_vault
from services.privacy.vault.restore import StreamRestore, restore_text, tokens_in
from services.privacy.vault.rotation import Rotation

SEED = 18
ORG = "acme"
TEXTS, QUICK_TEXTS = 10_000, 500
MANGLED, QUICK_MANGLED = 20_000, 2_000
SUBJECTS = 200
ROUNDS = 5

PROSE = ("The customer wrote that the parcel was not there, and that nobody had answered on Monday. " * 12)[:1024]

AIMS = (
    *ISSUE["vault"],
    Aim("mangled_harmless_restored", "%", at_least(99), at_least(99.9)),
    Aim("mangled_harmful_noticed", "%"),
    Aim("stream_splits_wrong", "splits", at_most(0), at_most(0)),
    Aim("stream_first_text_held", "characters", at_most(1), at_most(0.5)),
    Aim("rotation_reads_lost", "reads", at_most(0), at_most(0)),
    Aim("token_new_us", "us", at_most(200), at_most(50)),
    Aim("token_known_us", "us", at_most(60), at_most(15)),
    Aim("token_find_us_per_kb", "us", at_most(25), at_most(10)),
    Aim("stream_restore_us_per_chunk", "us", at_most(100), at_most(30)),
    Aim("seal_us_per_kb", "us"),
    Aim("seal_to_aes_gcm", "x", at_most(12), at_most(5)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Return the lines; without engines, in less than a minute."""
    return asyncio.run(_measured(quick, progress))


async def _measured(quick: bool, progress: Progress) -> list[Line]:
    texts, many = (QUICK_TEXTS, QUICK_MANGLED) if quick else (TEXTS, MANGLED)
    progress(f"vault: {texts} round trips")
    lines = [await _round_trips(texts)]
    progress(f"vault: {many} tokens through a model that mangles them")
    lines += await _through_a_model(many)
    progress("vault: streams, rotations, costs")
    lines += _streams(quick)
    lines.append(await _rotations(3 if quick else 10))
    return [*lines, *await _costs()]


_line = partial(line_of, AIMS)


def _drawing(turn: int) -> random.Random:
    return random.Random(SEED + turn)  # noqa: S311  # the same texts each time


async def _round_trips(texts: int) -> Line:
    """Texts of all kinds of characters: values out, tokens in, and back, once whole and once as a stream."""
    draw, vault, wrong = _drawing(0), memory_vault(), 0
    for number in range(texts):
        pieces = text_of(draw, draw.randint(1, 6))
        subject = f"sub_{number % SUBJECTS}"
        redacted, values = await _redacted(vault, subject, pieces)
        original = "".join(piece.text for piece in pieces)
        stream = StreamRestore(values)
        streamed = "".join([*(stream.feed(chunk) for chunk in _chunks(draw, redacted)), stream.end()])
        wrong += restore_text(redacted, values) != original or streamed != original
    return _line("round_trips_wrong", wrong, note=f"{texts} texts of {SUBJECTS} subjects, whole and as streams")


async def _redacted(vault: MemoryVault, subject: str, pieces: Sequence[Piece]) -> tuple[str, Mapping[str, str | None]]:
    """Return the text with tokens, and the values as a reader gets them, for all that looks like a token."""
    wanted = [(piece.kind, piece.text) for piece in pieces if piece.kind]
    tokens = iter(await vault.tokens.tokens_for(ORG, subject, wanted))
    redacted = "".join(next(tokens) if piece.kind else piece.text for piece in pieces)
    return redacted, await vault.tokens.values_of(ORG, tokens_in(redacted), subject=subject)


def _chunks(draw: random.Random, text: str) -> Iterator[str]:
    while text:
        length = draw.choice((1, 2, 3, 5, 8, 20))
        yield text[:length]
        text = text[length:]


@dataclass
class _Tally:
    """What became of tokens."""

    harmless: int = 0
    harmful: int = 0
    restored: int = 0
    noticed: int = 0
    wrong: int = 0
    foreign: int = 0
    lost: Counter[str] = field(default_factory=Counter)

    @property
    def all(self) -> int:
        return self.harmless + self.harmful


async def _through_a_model(many: int) -> list[Line]:
    draw, vault, tally = _drawing(1), memory_vault(), _Tally()
    owners = dict[str, str]()
    for number in range(SUBJECTS):
        wanted = [("email", f"person{number}.{n}@example.com") for n in range(20)]
        tokens = await vault.tokens.tokens_for(ORG, f"sub_{number}", wanted)
        owners |= {token: value for token, (_, value) in zip(tokens, wanted, strict=True)}
    for number, token in enumerate(draw.choices(list(owners), k=many)):
        names = _changes(draw, number)
        written = token
        for name in names:
            written = (HARMLESS | HARMFUL)[name](draw, written)
        await _judge(vault, owners, token, written, names, tally)
    lost = ", ".join(f"{name}: {count}" for name, count in tally.lost.most_common(4)) or "none"
    note = f"of {len(HARMLESS)} kinds, one to three at once; not restored: {lost}"
    return [
        _line("mangled_restored_or_refused", 100 - 100 * tally.wrong / tally.all, note=f"{tally.all} tokens"),
        _line("mangled_harmless_restored", 100 * tally.restored / tally.harmless, note=note),
        _line("mangled_harmful_noticed", 100 * tally.noticed / tally.harmful, note=f"of {len(HARMFUL)} harmful kinds"),
        _line("values_of_others", tally.foreign, note=f"{len(owners)} live tokens; the reader may read all subjects"),
    ]


def _changes(draw: random.Random, number: int) -> list[str]:
    """Return names of changes: every fourth time a harmful one, and one to three harmless ones."""
    harmless = draw.sample(list(HARMLESS), k=draw.choice((1, 1, 2, 3)))
    return [draw.choice(list(HARMFUL)), *harmless[1:]] if number % 4 == 0 else harmless


async def _judge(
    vault: MemoryVault, owners: Mapping[str, str], token: str, written: str, names: Sequence[str], tally: _Tally
) -> None:
    text = f"Send it to ({written}), please."
    values = await vault.tokens.values_of(ORG, tokens_in(text))
    restored, mine = restore_text(text, values), owners[token]
    tally.foreign += any(value in restored for value in values.values() if value is not None and value != mine)
    is_restored = mine in restored
    tally.wrong += not is_restored and restored != text
    if names[0] in HARMFUL:
        tally.harmful += 1
        tally.noticed += is_restored or bool(mangled(text)) or any(values[one.token] is None for one in find(text))
        return
    tally.harmless += 1
    tally.restored += is_restored
    if not is_restored:
        tally.lost.update([" + ".join(names)])


def _streams(quick: bool) -> list[Line]:
    draw = _drawing(2)
    values = {make(kind, draw.getrandbits(60)): f"<{kind}>" for kind in ("email", "phone", "card")}
    changes: list[Change] = list(HARMLESS.values())
    wrong = splits = 0
    for change in changes[:: 3 if quick else 1]:
        text = "Tell " + " e ".join(change(draw, token) for token in values) + " then EML_ the end"
        whole = restore_text(text, values)
        for split in range(len(text) + 1):
            stream = StreamRestore(values)
            splits += 1
            wrong += stream.feed(text[:split]) + stream.feed(text[split:]) + stream.end() != whole
        stream = StreamRestore(values)
        splits += 1
        wrong += "".join([*map(stream.feed, text), stream.end()]) != whole
    held = [_held(values, PROSE[at : at + length]) for at in range(len(PROSE)) for length in (1, 5, 20)]
    return [
        _line("stream_splits_wrong", wrong, note=f"{splits} splits, each at one character, and one at every character"),
        _line(
            "stream_first_text_held", statistics.mean(held), note=f"mean of a first chunk of prose; most {max(held)}"
        ),
    ]


def _held(values: Mapping[str, str | None], chunk: str) -> int:
    stream = StreamRestore(values)
    stream.feed(chunk)
    return stream.held


async def _rotations(rounds: int) -> Line:
    """Rotations while two other processes read and write: what they sealed must always open in each other."""
    now = [1_000.0]
    store = MemoryVaultStore(lambda: int(now[0] * 1000))
    first = memory_vault(store, monotonic=lambda: now[0])
    reader, writer = (memory_vault(store, first.kms, monotonic=lambda: now[0]) for _ in range(2))
    sealed, lost, reads = list[tuple[str, bytes]](), 0, 0
    for turn in range(rounds * 40):
        if turn % 40 == 0:
            await Rotation(store, first.kms, first.keys).begin(ORG)
        now[0] += 0.7
        await Rotation(store, first.kms, first.keys).advance(ORG)
        subject = f"sub_{turn % 50}"
        sealed.append((subject, (await writer.keys.subject_key(ORG, subject)).seal(subject.encode(), b"p")))
        sealed.append(("", (await writer.keys.org_key(ORG)).seal(b"", b"p")))
        for owner, data in sealed[-2:] + _drawing(turn).choices(sealed, k=5):
            key = await (reader.keys.subject_key(ORG, owner) if owner else reader.keys.org_key(ORG))
            reads += 1
            lost += key.open(data, b"p") != owner.encode()
    version = (await Rotation(store, first.kms, first.keys).status(ORG)).version
    return _line("rotation_reads_lost", lost, note=f"{reads} reads by another process during {version - 1} rotations")


async def _costs() -> list[Line]:
    new, known = await _token_costs()
    seal, ratio = _seal_costs()
    return [
        _line("token_new_us", new, "HMAC, seal, row in memory; 50 in one call"),
        _line("token_known_us", known, "50 in one call that are stored"),
        _line("token_find_us_per_kb", _times(lambda: find(PROSE), 400), "prose without tokens"),
        _line("stream_restore_us_per_chunk", _stream_costs(PROSE), "chunks of 5 characters, 3 live tokens"),
        _line("seal_us_per_kb", seal, "AES-256-GCM-SIV, 1 KiB, bound to organisation and subject"),
        _line("seal_to_aes_gcm", ratio, "to a plain AES-256-GCM of the same 1 KiB in the same rounds"),
    ]


async def _token_costs() -> tuple[list[float], list[float]]:
    new, known = list[float](), list[float]()
    for turn in range(ROUNDS):
        vault = memory_vault()
        await vault.keys.subject_key(ORG, "sub_1")
        wanted = [("email", f"p{turn}.{n}@example.com") for n in range(50)]
        for times in (new, known):
            start = time.process_time_ns()
            for _ in range(20 if times is known else 1):
                await vault.tokens.tokens_for(ORG, "sub_1", wanted)
            times.append((time.process_time_ns() - start) / (50_000 * (20 if times is known else 1)))
    return new, known


def _stream_costs(prose: str) -> list[float]:
    draw = _drawing(3)
    values: dict[str, str | None] = {make("email", draw.getrandbits(60)): "a@example.com" for _ in range(3)}
    chunks = [prose[at : at + 5] for at in range(0, len(prose), 5)]

    def run() -> None:
        stream = StreamRestore(values)
        for chunk in chunks:
            stream.feed(chunk)

    return [one / len(chunks) for one in _times(run, 10)]


def _seal_costs() -> tuple[list[float], list[float]]:
    key, plain = DataKey.of(ORG, "sub_1", {1: new_material()}, 1), os.urandom(1024)
    gcm, seals, ratios = AESGCM(os.urandom(32)), list[float](), list[float]()
    for _ in range(ROUNDS):
        ours = statistics.median(_times(lambda: key.seal(plain, b"inputs"), 2_000, 3))
        theirs = statistics.median(_times(lambda: gcm.encrypt(os.urandom(12), plain, b"inputs"), 2_000, 3))
        seals.append(ours)
        ratios.append(ours / theirs)
    return seals, ratios


def _times(work: Callable[[], object], often: int, rounds: int = ROUNDS) -> list[float]:
    """Return microseconds of CPU for one call, once a round."""
    work()
    samples = []
    for _ in range(rounds):
        start = time.process_time_ns()
        for _ in range(often):
            work()
        samples.append((time.process_time_ns() - start) / (1_000 * often))
    return samples
