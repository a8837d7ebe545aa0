"""Wrong edits of the engine: taking, folding, committing, timers, restores, checkpoints."""

from tests.simulation.mutants.planting import Mutant

TABLE = "streams.runtime.table"
CHECKPOINT = "streams.runtime.checkpoint"

MUTANTS = (
    Mutant(
        "restored_in_silence",
        TABLE,
        "        await self._emit_outstanding(owned, touched)\n",
        "",
        "a restore says what is outstanding",
    ),
    Mutant(
        "restore_skips_the_last_record",
        TABLE,
        "touched = await self._from_log(owned, bounds.end)",
        "touched = await self._from_log(owned, bounds.end - 1) if bounds.end else []",
        "a restore folds all of the log",
    ),
    Mutant(
        "clock_goes_back",
        TABLE,
        "now = max(clock_ms, item.record.timestamp_ms)",
        "now = clock_ms",
        "the fold's time is that of its record",
    ),
    Mutant(
        "drops_are_not_written",
        TABLE,
        "            commit.drops[entity] = drops\n",
        "            pass\n",
        "what is dropped leaves the table",
    ),
    Mutant(
        "expired_at_once_in_a_backlog",
        TABLE,
        "commit.expire = {entity: at + behind_ms for entity, at in leave.items()}",
        "commit.expire = {entity: commit.clock_ms for entity, at in leave.items()}",
        "what ended stays for as long as it is needed",
    ),
    Mutant(
        "later_records_dropped",
        TABLE,
        "            share.owned.quarantine.add(key, item.record.offset)\n            return\n",
        "            return\n",
        "records of a quarantined key wait for its release",
    ),
    Mutant(
        "released_backwards",
        TABLE,
        "        return aside.offsets\n",
        "        return aside.offsets[::-1]\n",
        "what waited is folded in order",
    ),
    Mutant(
        "quarantine_not_loaded",
        "streams.runtime.table.takeover",
        "Quarantine(loaded[QUARANTINE])",
        "Quarantine()",
        "the next owner knows what is set aside",
    ),
    Mutant(
        "quarantine_not_stored",
        TABLE,
        "            result.commit.puts[QUARANTINE] = puts\n",
        "            pass\n",
        "what is set aside is in the table",
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
)
