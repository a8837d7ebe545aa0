"""What is wrong with a section ``privacy`` that its model alone cannot know."""

from collections.abc import Callable, Iterator

from schemas.errors import Problem
from schemas.privacy.custom import check_together
from schemas.privacy.document import Privacy
from schemas.privacy.kinds import KINDS

Compile = Callable[[str], object]
"""Compiles a condition about a reader; returns a ``Problem`` for one that is wrong."""


def privacy_problems(section: Privacy | None, compile_condition: Compile) -> Iterator[Problem]:
    """Yield each problem, with its path in the policy."""
    if section is None:
        return
    seen: set[str] = set()
    for name in section.ids:
        if name in seen:
            yield Problem("privacy", f"the id '{name}' occurs twice", "give each rule an id of its own")
        seen.add(name)
    if fault := check_together(section.rules_of_ours):
        yield Problem("privacy.rules_of_ours", fault, "see docs/reference/policies.md")
    own = {one.kind for one in section.rules_of_ours}
    for path, kinds in section.kinds_named:
        for kind in sorted(set(kinds) - set(KINDS) - own):
            fix = f"write {', '.join(sorted({*KINDS, *own}))}"
            yield Problem(f"privacy.{path}.kinds", f"there is no kind '{kind}'", fix)
    for index, reader in enumerate(section.restore.readers):
        found = compile_condition(reader.when)
        if isinstance(found, Problem):
            yield Problem(f"privacy.restore.readers[{index}].when", found.message, found.fix)
