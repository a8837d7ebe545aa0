"""Mischief: one thing at a time that must not matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from streams.runtime.checkpoint.codec import marker_of
from tests.simulation.world.workflows import MINUTE_MS
from topics import catalogue

if TYPE_CHECKING:
    from tests.simulation.world.world import World


class Mischief:
    """Crashes, zombies, lost tables, older dumps, logs that were cut, and jumps of the clock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._dumps: dict[tuple[str, int], object] = {}

    def strike(self) -> None:
        """Do one thing. Zombies are soon woken, and what they did is soon looked for."""
        one = self._world.rng.choice(self._of_failovers() if self._world.fails_over else self._of_all())
        self._world.scheduler.note(one.__name__)
        one()

    def _of_all(self) -> tuple[Callable[[], None], ...]:
        return (
            *(self.crash, self.crash, self.replace, self.replace, self.freeze, self.skip),
            *(self.flush, self.lose, self.lose, self.compact, self.dump, self.rewind),
            *(self._of_zombies() * 4),
        )

    def _of_failovers(self) -> tuple[Callable[[], None], ...]:
        return self.copy_budgets, self.fail_over, self.fail_over, self.crash

    def _of_zombies(self) -> tuple[Callable[[], None], ...]:
        """Return what shows a zombie's work: to wake it, and when it was awake, to restore what it may have written."""
        zombies = [owner.process for owner in self._world.owners.all[:-1] if owner.process.alive]
        if any(zombie.stopped for zombie in zombies):
            return (self.freeze,)
        return (self.lose,) if zombies else ()

    def crash(self) -> None:
        """Kill an owner or the worker. Somebody takes its place."""
        world, worker = self._world, self._world.worker.process
        assert worker is not None
        victim = world.rng.choice([worker, *(o.process for o in world.owners.all if o.process.alive)])
        world.scheduler.kill(victim)
        if victim is worker:
            world.worker.start()
        elif victim is world.owners.last.process:
            world.owners.start()

    def replace(self) -> None:
        """Start another owner. At most one zombie stays, stopped in its tracks or not."""
        owners = self._world.owners
        for owner in owners.all[:-1]:
            if owner.process.alive:
                self._world.scheduler.kill(owner.process)
        owners.last.process.stopped = self._world.rng.random() < 0.6
        owners.start()

    def freeze(self) -> None:
        """Stop a process, or let all that are stopped go on."""
        processes = self._world.processes
        stopped = [p for p in processes if p.stopped]
        for process in stopped or [self._world.rng.choice([p for p in processes if p.alive])]:
            process.stopped = not process.stopped

    def flush(self) -> None:
        """Lose a partition of a table."""
        topic, partition = self._some_partition()
        if self._had_records(topic, partition):
            self._world.tables[topic].forget(partition)

    def lose(self) -> None:
        """Lose a partition of a table and all of its log that its checkpoint stands for."""
        topic, partition = self._some_partition()
        if not self._had_records(topic, partition):
            return
        records = self._world.checkpoints[topic].records(partition)
        marker = marker_of(records[-1]) if records else None
        self._world.tables[topic].forget(partition)
        self._dumps.pop((topic, partition), None)
        # What is set aside is read from the log again, where it stays for long.
        if marker is not None and not (topic == catalogue.RUN_EVENTS and self._world.poison):
            self._world.log.truncate(topic, partition, marker.offset)

    def compact(self) -> None:
        """Let the log's own cleaner come by."""
        topic, partition = self._some_partition()
        self._world.checkpoints[topic].compact(partition)

    def dump(self) -> None:
        """Save a partition of a table."""
        topic, partition = self._some_partition()
        self._dumps[topic, partition] = self._world.tables[topic].copy(partition)

    def rewind(self) -> None:
        """Bring a partition of a table back from its last dump, if there is one."""
        topic, partition = self._some_partition()
        if (topic, partition) in self._dumps:
            dump = self._dumps[topic, partition]
            self._world.tables[topic].put_back(partition, dump, self._world.scheduler.now_ms)

    def copy_budgets(self) -> None:
        """Let the replica of the store of budgets catch up."""
        topic = catalogue.COST_EVENTS
        for partition in range(self._world.partitions):
            self._dumps[topic, partition] = self._world.tables[topic].copy(partition)

    def fail_over(self) -> None:
        """Let that replica take over, and a new owner of the table with it."""
        topic = catalogue.COST_EVENTS
        for partition in range(self._world.partitions):
            dump = self._dumps.get((topic, partition))
            if dump is not None and self._had_records(topic, partition):
                self._world.tables[topic].put_back(partition, dump, self._world.scheduler.now_ms)
        self.replace()

    def skip(self) -> None:
        """Let time pass."""
        self._world.scheduler.now_ms += self._world.rng.choice((100, 5_000, 16 * MINUTE_MS))

    def _some_partition(self) -> tuple[str, int]:
        """Return a table's topic and one of its partitions."""
        return self._world.rng.choice(list(self._world.tables)), self._world.rng.randrange(self._world.partitions)

    def _had_records(self, topic: str, partition: int) -> bool:
        """Whether there is something to restore. A new table of budgets gives holds at once, also when it is lost."""
        return topic != catalogue.COST_EVENTS or self._world.log.end(topic, partition) > 0
