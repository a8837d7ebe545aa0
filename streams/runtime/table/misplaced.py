"""Records that came to another partition than their key's: a writer that knows nothing of how runs are placed.

Kafka's own partitioner puts a run that began before the topics grew elsewhere than ours does. The owner that reads such
a record appends it again, to the partition of its run, in step 3 of the chunk; a repeat is recognised there by its id.
A mark keeps a record of a run that nobody could have placed from going round.
"""

from collections.abc import Callable

from connectors.ports.engine import InRecord, OutRecord

#: Returns the partition of a key.
Place = Callable[[bytes], int]

#: Header of a record that was moved once.
MOVED = "af-moved"


def is_stray(record: InRecord, place: Place) -> bool:
    """Return true for a record that belongs to another partition and was not moved before."""
    if record.key is None or place(record.key) == record.partition:
        return False
    return all(name != MOVED for name, _ in record.headers)


def moved(record: InRecord) -> OutRecord:
    """Return the record for its own partition."""
    return OutRecord(record.topic, record.key, record.value, (*record.headers, (MOVED, b"1")))
