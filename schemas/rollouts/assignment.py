"""Which arm a run of a rollout gets: a hash of the deployment's salt and of the run or its entity, and no table.

The place of an entity never changes, and the canary has all places below its ratio. So a ratio that grows only moves
entities from stable to the canary, in every process alike, whatever was killed meanwhile.
"""

from hashlib import sha256

from schemas.rollouts.plan import CANARY, STABLE, Arm

_PLACES = 2**53


def arm_of(salt: str, entity: str) -> float:
    """Return the place of an entity in ``[0, 1)``: the canary has it while its ratio is above that."""
    digest = sha256(f"{salt}\x00{entity}".encode()).digest()
    return int.from_bytes(digest[:8]) % _PLACES / _PLACES


def assigned(salt: str, entity: str, ratio: float) -> Arm:
    """Return the arm of an entity at a ratio of the canary."""
    return CANARY if arm_of(salt, entity) < ratio else STABLE
