"""Validates the texts of a node: references, templates, and texts that look like one and are none."""

from collections.abc import Iterator

from schemas.errors import Problem
from schemas.spec.check.shape import similar
from schemas.spec.inputs.bound import strings, texts
from schemas.spec.model import FunctionNode, LlmConfig, Node, ToolNode
from schemas.spec.references import LOOP, Reference, parse_loop_reference, parse_reference, parse_template
from schemas.spec.text.outline import Outline
from schemas.templates import Dialect, template_errors
from schemas.values.lookalikes import literal, lookalikes


def text_problems(path: str, node: Node, outline: Outline) -> Iterator[Problem]:
    """Yield the problems of a node's texts. ``path`` is that of its config."""
    for where, text in texts(node, path):
        yield from _bound_problems(where, text, node, outline)
    yield from _route_problems(path, node)
    yield from _configuration_problems(path, node, outline)


def prompt_problems(path: str, template: str, dialect: Dialect = "agentflow") -> Iterator[Problem]:
    """Yield the problems of a prompt's template, each with its line and column."""
    for found in template_errors(template, dialect):
        yield Problem(path, f"line {found.line}, column {found.column}: {found.message}", found.fix)


def _bound_problems(path: str, text: str, node: Node, outline: Outline) -> Iterator[Problem]:
    reference = parse_reference(text)
    if reference is not None:
        yield from _reference_problems(path, text, reference, node, outline)
        return
    reference = parse_loop_reference(text)
    if reference is not None and (outline.outer or outline).inner:
        yield from _loop_reference_problems(path, text, reference, node, outline)
        return
    for found in lookalikes(text, outline.known):
        as_it_is = "" if path.endswith((".until", ".items")) else f"; for this text as it is write {literal(text)}"
        yield Problem(path, found.message, f"write {found.nearest}{as_it_is}")


def _reference_problems(path: str, text: str, reference: Reference, node: Node, outline: Outline) -> Iterator[Problem]:
    name = reference.node
    if name not in outline.known:
        yield _unknown_node(path, text, name, outline)
    elif name == outline.loop:
        yield Problem(path, f"'{text}' refers to the loop that it is inside of", f"write {LOOP}.previous")
    elif name == node.id:
        yield Problem(path, f"'{text}' refers to the node itself", "name a node that runs before it")
    elif outline.cycle is None and not _is_above(name, node, outline):
        yield _does_not_run_before(path, text, name, node, outline)


def _is_above(name: str, node: Node, outline: Outline) -> bool:
    return name in outline.above.get(node.id, frozenset())


def _unknown_node(path: str, text: str, name: str, outline: Outline) -> Problem:
    loops = (outline.outer or outline).inner
    inside = next((loop for loop, body in loops.items() if name in body.before), None)
    if inside is not None:
        said = f"'{text}' refers to '{name}', which is inside of the loop '{inside}'"
        return Problem(path, said, f"name the loop: {inside}.output, or {inside}.outputs for all iterations")
    fix = f"{similar(name, outline.known)}; for this text as it is write {literal(text)}"
    return Problem(path, f"'{text}' refers to the node '{name}', which does not exist", fix)


def _does_not_run_before(path: str, text: str, name: str, node: Node, outline: Outline) -> Problem:
    after = node.id if name in outline.before else outline.loop or node.id
    said = f"'{text}' refers to '{name}', which does not run before '{after}'"
    return Problem(path, said, f"add an edge that leads from '{name}' to '{after}'")


def _loop_reference_problems(
    path: str, text: str, reference: Reference, node: Node, outline: Outline
) -> Iterator[Problem]:
    """Find a reference that only looks like one to a loop's values. Where nothing has that name it is plain text."""
    around = outline.outer or outline
    name = reference.node
    if name == LOOP and outline.outer is None:
        yield Problem(path, f"'{text}' is a value of a loop, and '{node.id}' is outside of one", "name a loop's output")
    elif name == LOOP and reference.what == "iteration" and reference.path:
        yield Problem(path, f"'{text}' goes into a number", f"write {LOOP}.iteration")
    elif reference.what == "outputs" and name in outline.known and name not in around.inner:
        yield Problem(path, f"'{text}': only a loop has several outputs", f"write {name}.output")
    elif name in around.inner and around.cycle is None and not _is_above(reference.source, node, outline):
        yield _does_not_run_before(path, text, name, node, outline)


def _route_problems(path: str, node: Node) -> Iterator[Problem]:
    """Provider, model and system text are fixed at registration."""
    if not isinstance(node.config, LlmConfig):
        return
    for name, value in (("provider", node.config.provider), ("model", node.config.model)):
        if value is not None and ("{{" in value or "${" in value):
            yield Problem(
                f"{path}.{name}", f"'{value}' is no name: `{name}` takes no template", "write the name itself"
            )
    for variable in parse_template(node.config.system).variables:
        said = f"'{{{{{variable}}}}}' would stay as it is: `system` is sent as it is written"
        yield Problem(f"{path}.system", said, "put it into the prompt")


def _configuration_problems(path: str, node: Node, outline: Outline) -> Iterator[Problem]:
    """A configuration is used as it is written, so an output in it is a mistake."""
    if isinstance(node, ToolNode):
        name, args, config = "tool_config", "tool_args", node.config.tool_config
    elif isinstance(node, FunctionNode):
        name, args, config = "function_config", "function_args", node.config.function_config
    else:
        return
    for where, text in strings(config, f"{path}.{name}"):
        reference = parse_reference(text)
        if reference is not None and reference.node in outline.known:
            said = f"'{text}' is an output, and `{name}` is used as it is written"
            yield Problem(where, said, f"give the output in `{args}`, or write another text")
