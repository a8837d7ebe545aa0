"""Kafka's murmur2, so that every producer puts one key in one partition.

The function is the one of Apache Kafka's Java client (``org.apache.kafka.common.utils.Utils.murmur2``); the Java
client's test vectors are in the tests. Decision 0004 compares its speed with aiokafka's.
"""

import struct
from functools import lru_cache

from schemas.ids import named_partitions

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """Return the 32-bit hash as a signed integer, as the Java client does."""
    length = len(key)
    words = length >> 2
    h = _SEED ^ length
    for word in struct.unpack_from(f"<{words}I", key):
        k = (word * _M) & _MASK
        h = ((h * _M) & _MASK) ^ (((k ^ (k >> 24)) * _M) & _MASK)
    tail = key[words << 2 :]
    if tail:
        h = ((h ^ int.from_bytes(tail, "little")) * _M) & _MASK
    h = ((h ^ (h >> 13)) * _M) & _MASK
    h ^= h >> 15
    return h - (1 << 32) if h & 0x80000000 else h


# A run's records share its key within moments, so a small cache answers most look-ups.
@lru_cache(maxsize=2048)
def partition_for(key: bytes, partitions: int) -> int:
    """Return the partition of ``key`` among ``partitions``, as the Java client's default partitioner does."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def run_partition(run: bytes, first: int) -> int:
    """Return the partition of a run in topics whose keys are runs, where these had ``first`` partitions at first.

    A run stays where it began when the topics grow: its id names the number of partitions that they had then.
    """
    # Most ids name none, and every record of a run passes here.
    named = named_partitions(run.decode(errors="replace")) if run[14:15] == b"8" else None
    return partition_for(run, named or first)
