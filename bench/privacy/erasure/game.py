"""The game of erasure on real engines and roles.

1. A control: runs of people who are no subjects. Their strings must be found, or the search is worth nothing.
2. Runs about all subjects end; each is read. A backup is taken, by the product's own command.
3. Under kills of worker, orchestrator, API and Redis some subjects are erased while every subject has another run; that
   of an erased one may be before, in or behind the erasure, or wait for a signal that never comes.
4. Every accepted run has ended once; the others are read again; every store is searched, running and stopped.
5. That backup is restored onto a new site, with the vault's newest copy; its subjects are read, its stores searched.
"""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.faults.ends import ends_in_log, wait_for_ends, wait_for_quiet
from bench.faults.kills import keep_up, kill_while
from bench.lines import BenchError
from bench.privacy.erasure import stores
from bench.privacy.erasure.backup import Backups
from bench.privacy.erasure.clients import Client, erase_all, read_all, submit_all
from bench.privacy.erasure.people import KINDS, Person
from bench.privacy.erasure.planted import Stem
from bench.privacy.erasure.scan import Searched
from deploy.local.engines.progress import Progress
from deploy.local.system import System

LAYOUT = {
    "orchestrator": ("orchestrator",),
    "worker": ("worker",),
    "money": ("budgets", "admission", "leases"),
    "sinks": ("audit", "history", "analytics", "live", "live-cost"),
    "traces": ("traces", "scores"),
}
#: Where data of people who are no subjects stands in clear, whichever way a game goes.
CONTROL_PLACES = frozenset({"Kafka", "Redis", "PostgreSQL", "ClickHouse (unpacked)", "objects"})
ENV = {
    "CLAIM_LEASE_MS": "2000",
    "HOLD_TTL_MS": "12000",
    "SESSION_TIMEOUT_MS": "3000",
    "WORKER_DRAIN_S": "5",
    "CHECKPOINT_INTERVAL_MS": "1000",
}


@dataclass(frozen=True)
class Sizes:
    """``controls`` people are no subjects."""

    subjects: int = 1_000
    erased: int = 100
    kills: int = 24
    controls: int = 12
    seed: int = 1


FULL, QUICK = Sizes(), Sizes(subjects=60, erased=12, kills=4, controls=6)


@dataclass
class Played:
    """What came out. ``control`` are the places where strings of people who are no subjects were found."""

    sizes: Sizes
    control: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    #: Runs that failed, or ended not once, with how.
    broken: dict[str, str] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)
    #: Erased subjects whose strings were read before, and could be read afterwards.
    readable_before: int = 0
    readable_after: list[int] = field(default_factory=list)
    #: Others that are read otherwise than before, with the first field that differs.
    changed: dict[int, str] = field(default_factory=dict)
    #: Others whose run, ended before the kills, cost more afterwards: a call was made and paid again.
    paid_twice: int = 0
    found: Searched = field(default_factory=Searched)
    restored_found: Searched = field(default_factory=Searched)
    restored_readable: list[int] = field(default_factory=list)
    #: Subjects that were not erased and that the restored system shows as before, of those that were read.
    restored_others: tuple[int, int] = (0, 0)
    #: Erasures that the restore itself repeated, since its log or audit log has them and its vault had not.
    erased_again: int = 0
    #: Wrapped keys of erased subjects by folder of PostgreSQL, before ``python -m deploy.vault scrub`` and after it.
    keys_before_scrub: dict[str, int] = field(default_factory=dict)
    keys_left: dict[str, int] = field(default_factory=dict)


class Game:
    """One game in a folder. It is made and played in the thread that its processes shall end with."""

    def __init__(self, folder: Path, sizes: Sizes, say: Progress) -> None:
        self._folder, self._sizes, self._say = folder, sizes, say
        self._chance = random.Random(sizes.seed)  # noqa: S311 - repeated by its seed
        self.stem, self.control_stem = Stem.of(self._chance), Stem.of(self._chance)
        people = [Person(self.stem, number) for number in range(sizes.subjects)]
        self.erased = sorted(self._chance.sample(people, sizes.erased), key=lambda one: one.number)
        self.others = [one for one in people if one not in set(self.erased)]
        self.people = people
        self.played = Played(sizes)
        self._runs: dict[str, Person] = {}

    def play(self) -> Played:
        """Play it. Raises ``BenchError`` where the game itself cannot be played."""
        backups = Backups(self._folder / "backups", self._say)
        with self._system("system") as system:
            client = Client(system)
            client.require()
            asyncio.run(stores.without_compression(system.endpoints))
            client.define()
            self._play_control(system, client)
            before = self._first_runs(system, client)
            self._say("erasure: a backup")
            first = backups.take(system)
            self._erase_under_kills(system, client)
            self._judge(system, client, before)
            self._say("erasure: a later backup, with the vault as it is now")
            backups.take(system)
        self._say("erasure: every store is searched once more, stopped")
        self.played.found.add(stores.search_files(self.stem, self._folder / "system"))
        self._restore(backups, first.id, before)
        return self.played

    def _play_control(self, system: System, client: Client) -> None:
        self._say(f"erasure: {self._sizes.controls} runs of people who are no subjects, as a control")
        people = [Person(self.control_stem, number) for number in range(self._sizes.controls)]
        runs = submit_all(client, [(one, one.kind, f"control-{one.number}") for one in people], named=False)
        asyncio.run(wait_for_ends(system.endpoints, runs))
        read_all(client, list(runs))
        found = self._search(system, self.control_stem)
        self.played.control = found.by_place()
        missed = {one.number for one in people} - found.numbers()
        if missed or not found.by_place().keys() >= CONTROL_PLACES:
            raise BenchError(f"the search misses the control: people {sorted(missed)}, found in {found.by_place()}")

    def _first_runs(self, system: System, client: Client) -> dict[int, Any]:
        self._say(f"erasure: a run about each of {self._sizes.subjects} subjects")
        runs = submit_all(client, [(one, one.kind, f"first-{one.number}") for one in self.people])
        self._runs |= runs
        asyncio.run(wait_for_ends(system.endpoints, runs))
        # The cost of a run is settled after its end.
        asyncio.run(wait_for_quiet(system.endpoints))
        shown = {runs[run].number: found for run, found in read_all(client, list(runs)).items()}
        self.first = {person.number: run for run, person in runs.items()}
        self.played.readable_before = sum(self._has_string(one, shown[one.number]) for one in self.erased)
        return shown

    def _erase_under_kills(self, system: System, client: Client) -> None:
        self._say(f"erasure: {self._sizes.erased} subjects are erased under load, with kills")
        second = [(one, KINDS[(one.number + 1) % len(KINDS)], f"second-{one.number}") for one in self.people]
        self._chance.shuffle(second)
        waiting = [(one, "answer", f"waiting-{one.number}") for one in self.erased[::2]]
        errors: list[BaseException] = []
        open_: dict[str, Person] = {}

        def load() -> None:
            try:
                for one, kind, key in waiting:
                    open_[client.submit(one, kind, key)] = one
                half = len(second) // 2
                self._runs.update(submit_all(client, second[:half]))
                erasing = threading.Thread(target=erase)
                erasing.start()
                # An erased subject is no subject of new runs; its first ones may be accepted still.
                self._runs.update(
                    submit_all(client, [item for item in second[half:] if item[0] not in set(self.erased)])
                )
                erasing.join()
                for run in open_:
                    client.cancel(run)
                self._runs.update(open_)
            except BaseException as exc:  # noqa: BLE001 - it is raised in the thread that waits
                errors.append(exc)

        def erase() -> None:
            try:
                erase_all(client, self.erased)
            except BaseException as exc:  # noqa: BLE001 - as above
                errors.append(exc)

        worker = threading.Thread(target=load)
        worker.start()
        keys = asyncio.run(stores.wrapped_keys(system.endpoints))
        self.played.killed = kill_while(system, worker.is_alive, self._sizes.kills, self._chance)
        worker.join()
        keep_up(system)
        if errors:
            raise errors[0]
        self._keys = keys - asyncio.run(stores.wrapped_keys(system.endpoints))

    def _judge(self, system: System, client: Client, before: Mapping[int, Any]) -> None:
        self._say(f"erasure: the ends of {len(self._runs)} runs, after {self.played.killed.total()} kills")
        ended = asyncio.run(wait_for_ends(system.endpoints, self._runs))
        self.played.ends = Counter(ended.values())
        self._judge_ends(ended, asyncio.run(ends_in_log(system.endpoints)))
        after = read_all(client, [self.first[one.number] for one in self.people])
        shown = {one.number: after[self.first[one.number]] for one in self.people}
        self.played.changed = {
            one.number: difference(without_money(before[one.number]), without_money(shown[one.number]))
            for one in self.others
            if without_money(shown[one.number]) != without_money(before[one.number])
        }
        self.played.paid_twice = sum(
            shown[one.number]["cost_usd"] != before[one.number]["cost_usd"] for one in self.others
        )
        self.played.readable_after = [one.number for one in self.erased if self._has_string(one, shown[one.number])]
        self._say("erasure: every store is searched")
        self.played.found = self._search(system, self.stem)
        files = system.data_dir / stores.FOLDERS["PostgreSQL"]
        self.played.keys_before_scrub = stores.found_in_files(self._keys, files)
        asyncio.run(stores.scrub_vault(system.endpoints))
        self.played.keys_left = stores.found_in_files(self._keys, files)

    def _judge_ends(self, ended: Mapping[str, str], in_log: Mapping[str, set[str]]) -> None:
        erased = {one.number for one in self.erased}
        for run, person in self._runs.items():
            states = in_log.get(run, set())
            if states != {ended[run]}:
                self.played.broken[run] = f"{ended[run]} in history, {sorted(states)} in the log"
            elif ended[run] != "succeeded" and person.number not in erased:
                self.played.broken[run] = f"{ended[run]} of a subject that is not erased"

    def _restore(self, backups: Backups, backup_id: str, before: Mapping[int, Any]) -> None:
        self._say("erasure: the first backup is restored onto a new site, with the newest copy of the vault")
        backups.bring(self._folder / "restored")
        sample = self.others[:: max(1, len(self.others) // 50)]
        system = self._system("restored")
        try:
            system.endpoints = system.stack.start()
            system.make_roles()
            self.played.erased_again = backups.restore(system, backup_id).subjects_erased
            system.start_roles()
            client = Client(system)
            shown = read_all(client, [self.first[one.number] for one in (*self.erased, *sample)])
            self.played.restored_readable = [
                one.number for one in self.erased if self._has_string(one, shown[self.first[one.number]])
            ]
            same = sum(
                without_money(shown[self.first[one.number]]) == without_money(before[one.number]) for one in sample
            )
            self.played.restored_others = (same, len(sample))
            self.played.restored_found = self._search(system, self.stem)
        finally:
            system.stop()
        self.played.restored_found.add(stores.search_files(self.stem, self._folder / "restored"))

    def _search(self, system: System, stem: Stem) -> Searched:
        asyncio.run(stores.on_disk(system.endpoints))
        found = stores.search_files(stem, system.data_dir)
        found.add(asyncio.run(stores.search_rows(stem, system.endpoints)))
        return found

    def _system(self, name: str) -> System:
        return System(self._folder / name, durable=False, layout=LAYOUT, env=ENV, progress=self._say)

    @staticmethod
    def _has_string(person: Person, shown: Any) -> bool:
        return any(mark in str(shown) for mark in person.stem.marks(person.number))


def numbers_of(found: Searched, people: Iterable[Person]) -> Sequence[int]:
    """Return whose strings a search found, of these people and of those that it could not attribute."""
    return sorted(found.numbers() & {-1, *(one.number for one in people)})


def without_money(shown: Any) -> Any:
    """Return an answer without costs and tokens, which have a figure of their own."""
    if isinstance(shown, dict):
        return {name: without_money(one) for name, one in shown.items() if not _is_money(name)}
    return [without_money(one) for one in shown] if isinstance(shown, list) else shown


def _is_money(name: str) -> bool:
    return "cost" in name or name in ("tokens", "usage", "call_ids")


def difference(one: Any, other: Any, at: str = "") -> str:
    """Return the first place at which two answers differ, with both values shortened."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return next(difference(one[name], other[name], f"{at}.{name}") for name in one if one[name] != other[name])
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return next(difference(a, b, f"{at}[{index}]") for index, (a, b) in pairs if a != b)
    return f"{at}: {str(one)[:80]} became {str(other)[:80]}"
