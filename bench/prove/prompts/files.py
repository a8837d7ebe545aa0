"""Lines of the area ``prompts`` for files: suites of dotprompt and mustache, and files that come back byte by byte."""

from collections.abc import Iterator, Sequence

from bench.lines import Line
from bench.prompts import dotprompt_suites, mustache_suites
from bench.prompts.file_trips import changed
from bench.prove.area import Aim, at_most
from deploy.local.engines.progress import Progress

AIMS = (
    Aim("dotprompt_failures", "cases", at_most(0), at_most(0)),
    Aim("mustache_failures", "cases", at_most(0), at_most(0)),
    Aim("file_changes", "files", at_most(0), at_most(0)),
)
FILES, QUICK_FILES = 5_000, 500


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Run the suites, and write and read prompts. Without a suite its line is left out."""
    files = QUICK_FILES if quick else FILES
    progress(f"files of prompts: {files} written and read, and the suites of dotprompt and mustache")
    return [
        *_suites(progress),
        Line("file_changes", "files", (float(changed(files)),), f"of {files} prompts that were written and read"),
    ]


def _suites(progress: Progress) -> Iterator[Line]:
    for kind, suites in (("dotprompt", dotprompt_suites), ("mustache", mustache_suites)):
        place = suites.folder()
        if place is None:
            progress(f"SUITES ARE MISSING: there is no folder shared/suites/{kind} beside the checkout")
            continue
        found = [fault for name in suites.SUITES for _, fault in suites.outcomes(place, name)]
        note = f"of {len(found)}: {', '.join(suites.SUITES)}"
        yield Line(f"{kind}_failures", "cases", (float(sum(map(bool, found))),), note)
