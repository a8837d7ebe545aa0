"""The run inputs that decisions read, which therefore travel inside the run's record.

All other inputs are only passed to steps, whose workers also read stored values.
"""

from collections.abc import Iterable

from schemas.spec.conditions import inputs_read
from schemas.spec.inputs.bound import texts
from schemas.spec.inputs.condition_inputs import conditions_of
from schemas.spec.loops import every_node
from schemas.spec.model import Node
from schemas.spec.references import parse_reference, parse_template


def read_here(nodes: Iterable[Node]) -> frozenset[str] | None:
    """Return the names of those inputs; ``None`` when a condition reads all of them."""
    names: set[str] = set()
    for node in every_node(nodes):
        names |= _in_texts(node)
        for condition in conditions_of(node):
            read = inputs_read(condition)
            if read is None:
                return None
            names |= read
    return frozenset(names)


def _in_texts(node: Node) -> set[str]:
    """Return the inputs that are inserted into texts, awaited, or contain a list that is mapped over."""
    names: set[str] = set()
    for where, text in texts(node):
        if parse_reference(text) is not None:
            continue
        template = parse_template(text)
        only = template.only
        if only is None or where == ".until" or (where == ".items" and only.path):
            names.update(variable.name for variable in template.variables)
    return names
