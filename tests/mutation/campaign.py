"""Tries the sample's mutants in a few slots at once, for as long as there is time."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.mutation import coverage_map, tree
from tests.mutation.coverage_map import CoverageMap
from tests.mutation.mutant import Mutant
from tests.mutation.results import Result, Results
from tests.mutation.slot import Slot

Say = Callable[[str], None]


def prepare(cache: Path, digest: str, workers: int, say: Say) -> tuple[list[Path], CoverageMap]:
    """Return up-to-date copies of the tree and the map of its tests. Raises ``RecordError``."""
    trees = [cache / f"tree-{number}" for number in range(workers)]
    for copy in trees:
        copy.mkdir(parents=True, exist_ok=True)
        tree.copy_to(copy)
    folder = cache / f"record-{digest}"
    if not (folder / "record.json").is_file():
        say("recording which tests run which lines")
        coverage_map.record(trees[0], folder)
    covered = coverage_map.load(folder)
    say(f"{len(covered.seconds)} tests, {sum(covered.seconds.values()):.0f} s")
    return trees, covered


class Campaign:
    """Mutants that are still to be tried, and who tries them."""

    def __init__(self, results: Results, mutants: Iterable[Mutant], minutes: float, say: Say) -> None:
        self._results, self._say = results, say
        self._left: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
        for mutant in mutants:
            self._left.put(mutant)
        self._until = time.monotonic() + 60 * minutes
        self._errors: list[Exception] = []
        self._done = 0

    def run(self, slots: Sequence[Slot]) -> None:
        """Try until none is left or time is over. Raises what a slot raised."""
        threads = [threading.Thread(target=self._serve, args=(slot,), daemon=True) for slot in slots]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _serve(self, slot: Slot) -> None:
        try:
            with slot:
                slot.check()
                while time.monotonic() < self._until and not self._errors:
                    self._note(*self._try(slot, self._left.get_nowait()))
        except queue.Empty:
            return
        except Exception as exc:  # noqa: BLE001 - raised again by run()
            self._errors.append(exc)

    def _try(self, slot: Slot, mutant: Mutant) -> tuple[Mutant, Result]:
        began = time.monotonic()
        outcome, by = slot.attempt(mutant)
        return mutant, self._results.add(mutant, outcome, by, time.monotonic() - began)

    def _note(self, mutant: Mutant, result: Result) -> None:
        self._done += 1
        self._say(
            f"{self._done}: {result.outcome} in {result.seconds:.0f} s {mutant.path} {mutant.edit.operator} {result.by}"
        )
