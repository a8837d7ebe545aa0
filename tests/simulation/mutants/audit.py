"""Wrong edits of audit: what is an entry, in which order, and what is vouched for."""

from tests.simulation.mutants.planting import Mutant

FOLD, ROLE = "streams.core.audit", "streams.roles.audit"

MUTANTS = (
    Mutant(
        "audit_entry_dropped",
        FOLD,
        "        if event.event_id in seen:\n",
        "        if event.event_id in seen or size == 40:\n",
        "every event is an entry",
    ),
    Mutant(
        "audit_entry_doubled",
        FOLD,
        "    seen = set(known)\n",
        "    seen: set[str] = set()\n",
        "an event is an entry once",
    ),
    Mutant(
        "audit_order_of_times",
        FOLD,
        "    for one in events:\n",
        "    for one in sorted(events, key=lambda one: one.event.at_ms):\n",
        "entries are in the order of the log of records",
    ),
    Mutant(
        "audit_count_wrong",
        FOLD,
        "return Checkpoint(origin, head.size, root_of_frontier",
        "return Checkpoint(origin, head.size - 1, root_of_frontier",
        "a checkpoint is over as many entries as it says",
    ),
    Mutant(
        "audit_root_of_the_oldest",
        FOLD,
        "root_of_frontier(head.frontier)",
        "root_of_frontier(head.frontier[:1])",
        "a checkpoint is over the whole log",
    ),
    Mutant(
        "audit_chain_of_the_batch",
        FOLD,
        "chain = chained(chain, leaf)",
        "chain = chained(head.chain, leaf)",
        "the chain is over all entries",
    ),
    Mutant(
        "audit_subtrees_forgotten",
        FOLD,
        "bytes.fromhex(said.sha256), leaf, nodes)",
        "bytes.fromhex(said.sha256), leaf, ())",
        "roots of whole subtrees are stored",
    ),
    Mutant(
        "audit_kept_checkpoint_leaves",
        FOLD,
        "replaces = head.signed if head.signed > head.kept else 0",
        "replaces = head.signed",
        "a checkpoint that others were sent stays",
    ),
    Mutant(
        "audit_checkpoints_all_stay",
        FOLD,
        "replaces = head.signed if head.signed > head.kept else 0",
        "replaces = 0",
        "checkpoints that stay are ten seconds apart",
    ),
    Mutant(
        "audit_future_is_over",
        FOLD,
        "min(int(before), event.at_ms)",
        "int(before)",
        "what has not happened yet cannot be over",
    ),
    Mutant(
        "audit_checkpoint_unsent",
        ROLE,
        "if head.kept == head.size else []",
        "if head.kept > head.size else []",
        "checkpoints that stay are sent",
    ),
)
