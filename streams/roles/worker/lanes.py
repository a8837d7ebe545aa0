"""Which lane to read from next: weighted, by deficit round robin, so that a flood in one lane starves no other.

A lane that has records waiting gets its weight in credit each round and pays with each record taken. While one lane
alone is waiting it gets everything, so weights cost nothing when there is no rivalry.
"""

from collections.abc import Callable, Iterable, Mapping

from schemas.spec.policy import TIERS
from topics.catalogue import lane

Partition = tuple[str, int]

#: Gold before silver before bronze, but each always some: bronze is slow under load and never stuck.
WEIGHTS: Mapping[str, int] = {lane(tier): weight for tier, weight in zip(TIERS, (4, 2, 1), strict=True)}


class Lanes:
    """The credit of each lane. A lane is a topic; one that has no weight counts as 1."""

    def __init__(self, weights: Mapping[str, int] = WEIGHTS) -> None:
        self._weights = weights
        self._credit: dict[str, int] = {}

    def choose(
        self, partitions: Iterable[Partition], behind: Callable[[Partition], bool], most: int
    ) -> tuple[set[Partition], int]:
        """Return the partitions to read and how many records, at most ``most``.

        ``behind`` tells whether records of a partition are known to wait. Everything is read while no two lanes have
        records waiting, so that the first of any lane ends the wait.
        """
        everything = set(partitions)
        waiting = {p for p in everything if behind(p)}
        rivals = {topic for topic, _ in waiting}
        self._credit = {topic: credit for topic, credit in self._credit.items() if topic in rivals}
        if len(rivals) < 2:
            return everything, most
        first = self._first(rivals)
        return {p for p in waiting if p[0] == first}, min(most, self._credit[first])

    def took(self, topic: str, records: int) -> None:
        """Charge a lane for what was read."""
        if topic in self._credit:
            self._credit[topic] -= records

    def _first(self, rivals: set[str]) -> str:
        """Return the lane with the most credit, after as many rounds as it takes that one has any."""
        while max(self._credit.get(topic, 0) for topic in rivals) <= 0:
            self._credit |= {topic: self._credit.get(topic, 0) + self._weight(topic) for topic in rivals}
        return max(sorted(rivals), key=lambda topic: (self._credit.get(topic, 0), self._weight(topic)))

    def _weight(self, topic: str) -> int:
        return max(1, self._weights.get(topic, 1))
