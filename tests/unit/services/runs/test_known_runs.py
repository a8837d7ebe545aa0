"""Whether submission ids are known, as every submission with a key asks."""

import asyncio

from services.runs.known_runs import KnownRuns


class Generation:
    """Answers after a turn of the loop; it counts how often it is asked."""

    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def complete_by_id(self) -> bool:
        self.asked += 1
        await asyncio.sleep(0)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def known(generation: Generation) -> KnownRuns:
    return KnownRuns(generation, None)  # type: ignore[arg-type]


async def test_submissions_at_once_share_one_question() -> None:
    generation = Generation(True)
    runs = known(generation)
    assert await asyncio.gather(*(runs.ids_are_known() for _ in range(50))) == [True] * 50
    assert generation.asked == 1
    assert await runs.ids_are_known()
    assert generation.asked == 2, "the next one asks again: Redis may have lost its markers"


async def test_an_incomplete_generation_is_waited_for_a_moment() -> None:
    assert await known(Generation(False, False, True)).ids_are_known()


async def test_a_generation_that_stays_incomplete_is_not_known() -> None:
    assert not await known(Generation(False)).ids_are_known()
