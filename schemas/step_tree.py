"""Where a step is in the tree of its run, by its id alone.

================================  ============================  ===========================================
step                              its parent                    which is
================================  ============================  ===========================================
``split``                         the run
``analyze[3]``                    ``analyze``                   the mapped node
``analyze/gather[0]``             ``analyze``                   the mapped node whose outputs it gathers
``assistant/turn-2``              ``assistant``                 the agent
``assistant/turn-2/search[0]``    ``assistant/turn-2``          the turn that requested the call
``helpers[1]/turn-1``             ``helpers[1]``                an agent that is a child of a map
``refine~2/draft``                ``refine``                    the loop
``refine~2/parts[3]``             ``refine~2/parts``            the mapped node of that iteration
================================  ============================  ===========================================
"""

import re
from functools import lru_cache

from schemas.ids import span_id

_ITERATION = re.compile(r"[^~/]+~[1-9][0-9]*")


def parent_step(step_id: str) -> str:
    """Return the step that a step is below; empty for one that is directly below the run."""
    above, slash, name = step_id.rpartition("/")
    if slash and _ITERATION.fullmatch(above) is None:
        return above
    if name.endswith("]"):
        return step_id[: step_id.rindex("[")]
    return above.rpartition("~")[0]


def parent_span(run: str, step_id: str) -> str:
    """Return the id of the span that a step's span is below: that of another step, or the run's."""
    return _span(run, parent_step(step_id))


# The children of a map, and the steps of a run, have one parent.
@lru_cache(maxsize=1024)
def _span(run: str, step_id: str) -> str:
    return span_id(run, step_id)
