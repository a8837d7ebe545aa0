"""Wrong edits of checkpoints: what they say, as of when, and how they are read."""

from tests.simulation.mutants.planting import Mutant

CHECKPOINT = "streams.runtime.checkpoint"

MUTANTS = (
    Mutant(
        "marker_ahead",
        CHECKPOINT,
        "                owned.committed, owned.committed_clock_ms, owned.incarnation",
        "                owned.next_offset, owned.clock_ms, owned.incarnation",
        "a marker stands for what is committed",
    ),
    Mutant(
        "checkpoint_without_timers",
        CHECKPOINT,
        "commit.arm[timer_member(entity, timer[0])] = timer[1]",
        "pass",
        "a restore from a checkpoint arms timers",
    ),
    Mutant(
        "checkpoint_without_holds",
        CHECKPOINT,
        "commit.holds[call.call_id] = entry_of(call)",
        "pass",
        "a restore from a checkpoint holds the money of calls under way",
    ),
    Mutant(
        "failed_checkpoint_forgotten",
        CHECKPOINT,
        "            owned.dirty.put_back(older)\n",
        "",
        "what could not be written is written next time",
    ),
    Mutant(
        "older_wins",
        CHECKPOINT,
        "self.entries[entity] = fields | self.entries.get(entity, {})",
        "self.entries[entity] = self.entries.get(entity, {}) | fields",
        "the newer change wins",
    ),
    Mutant(
        "drops_are_not_saved",
        CHECKPOINT,
        "            self.entries.setdefault(entity, {}).update(dict.fromkeys(names))\n",
        "            pass\n",
        "what was dropped does not come back",
    ),
    Mutant(
        "whole_keeps_old_entries",
        CHECKPOINT,
        "        if not name:\n            self._entities.pop(entity, None)\n",
        "        if not name:\n",
        "a whole entity takes the place of all before it",
    ),
)
