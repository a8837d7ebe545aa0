"""Lines of the area ``prompts`` for files: the suites of dotprompt, and files that come back byte by byte."""

from collections.abc import Iterator, Sequence

from bench.lines import Line
from bench.prompts import dotprompt_suites
from bench.prompts.file_trips import changed
from bench.prove.area import Aim, at_most
from deploy.local.engines.progress import Progress

AIMS = (
    Aim("dotprompt_failures", "cases", at_most(0), at_most(0)),
    Aim("file_changes", "files", at_most(0), at_most(0)),
)
FILES, QUICK_FILES = 5_000, 500


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Run the suites of dotprompt, and write and read prompts. Without the suites their line is left out."""
    files = QUICK_FILES if quick else FILES
    progress(f"files of prompts: {files} written and read, and the suites of dotprompt")
    return [
        *_suites(progress),
        Line("file_changes", "files", (float(changed(files)),), f"of {files} prompts that were written and read"),
    ]


def _suites(progress: Progress) -> Iterator[Line]:
    place = dotprompt_suites.folder()
    if place is None:
        progress("SUITES ARE MISSING: there is no folder shared/suites/dotprompt beside the checkout")
        return
    found = [fault for name in dotprompt_suites.SUITES for _, fault in dotprompt_suites.outcomes(place, name)]
    note = f"of {len(found)}: {', '.join(dotprompt_suites.SUITES)}"
    yield Line("dotprompt_failures", "cases", (float(sum(map(bool, found))),), note)
