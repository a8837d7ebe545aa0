"""Lines of erasure: subjects that are erased under kills, what is left of them, and a backup of before."""

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.lines import Line
from bench.privacy.erasure.game import FULL, QUICK, Game, Played, numbers_of
from bench.prove.area import Aim, at_least, at_most, line_of
from bench.prove.privacy.aims import ISSUE
from deploy.local.engines.progress import Progress

AIMS = (
    *ISSUE["erasure"],
    Aim("erasure_control_found", "places", at_least(5), at_least(5)),
    Aim("erasure_paid_again", "runs", at_most(0), at_most(0)),
    Aim("erased_keys_in_files", "keys"),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play the game once. Raises ``BenchError``, and ``NotThere`` where nobody can be erased."""
    with tempfile.TemporaryDirectory(prefix="agentflow-erasure-") as folder:
        game = Game(Path(folder), QUICK if quick else FULL, progress)
        played = game.play()
    return lines_of(game, played)


def lines_of(game: Game, played: Played) -> list[Line]:
    """Return the lines of a game that was played."""
    figures = {**_left(game, played), **_harmed(played)}
    return [line_of(AIMS, aim.name, float(figures[aim.name][0]), figures[aim.name][1]) for aim in AIMS]


def _left(game: Game, played: Played) -> dict[str, tuple[int, str]]:
    """Return what is left, or came back, of those who were erased."""
    sizes = played.sizes
    left = numbers_of(played.found, game.people)
    erased_left = sorted({number for number in left if number in {-1, *(one.number for one in game.erased)}})
    back = set(played.restored_readable) | set(numbers_of(played.restored_found, game.erased))
    same, read = played.restored_others
    where = _places(played.found.by_place())
    searched = f"{played.found.files} files, {played.found.read_bytes / 2**20:.0f} MiB"
    return {
        "erased_traces": (
            len(set(erased_left) | set(played.readable_after)),
            (
                f"of {sizes.erased} strings, {played.readable_before} were readable before, {searched}; "
                f"of the {sizes.subjects - sizes.erased} others {len(left) - len(erased_left)} stand in clear{where}; "
                "not searched: memory, swap, blocks of deleted files"
            ),
        ),
        "erased_brought_back": (
            len(back),
            (
                f"of {sizes.erased}, by the product's restore of a backup from before the erasures, with the newest "
                f"copy of the vault ({played.erased_again} erasures repeated); {same} of {read} others are as before"
            ),
        ),
        "erasure_control_found": (
            len(played.control),
            f"places with strings of people who are no subjects: {', '.join(sorted(played.control))}",
        ),
        "erased_keys_in_files": (sum(played.keys_left.values()), _keys_note(played)),
    }


def _harmed(played: Played) -> dict[str, tuple[int, str]]:
    """Return what erasures and kills did to others, to money and to runs."""
    others = played.sizes.subjects - played.sizes.erased
    kills = ", ".join(f"{count} {name}" for name, count in sorted(played.killed.items()))
    return {
        "erasure_others_changed": (len(played.changed), f"of {others}, costs apart{_first(played.changed)}"),
        "erasure_paid_again": (
            played.paid_twice,
            f"of {others} runs that had ended before the kills, costs of which rose after them",
        ),
        "erasure_runs_broken": (
            len(played.broken),
            f"of {played.ends.total()} runs ({_counts(played.ends)}); kills: {kills}{_first(played.broken)}",
        ),
    }


def _places(found: Counter[str]) -> str:
    return f" ({', '.join(f'{place}: {count}' for place, count in found.most_common(6))})" if found else ""


def _keys_note(played: Played) -> str:
    before, after = _by_folder(played.keys_before_scrub), _by_folder(played.keys_left)
    return (
        f"wrapped keys of {played.sizes.erased} erased subjects in PostgreSQL's files after a scrub: {after}; "
        f"before it: {before}; the master key and an organisation's key would open them"
    )


def _by_folder(found: Mapping[str, int]) -> str:
    return ", ".join(f"{count} in {folder}" for folder, count in found.items()) or "none"


def _counts(found: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(found.items()))


def _first(broken: Mapping[Any, str]) -> str:
    return f"; first: {next(iter(broken.items()))}" if broken else ""
