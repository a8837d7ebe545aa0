"""Templates of versions that exist: what was registered before this language was there keeps its meaning."""

from functools import lru_cache

from schemas.spec.references import Variable, parse_template
from schemas.templates.errors import TemplateError
from schemas.templates.expressions import Expr, Path
from schemas.templates.names import needs
from schemas.templates.nodes import Block, Node, value_node
from schemas.templates.template import Dialect, Template, parse


@lru_cache(maxsize=1024)
def parse_stored(text: str, dialect: Dialect = "agentflow") -> Template:
    """Return the template of a version that exists.

    A text that is malformed today was registered when braces without a name were text: its placeholders are inserted,
    and all else is text, as then. Raises ``TemplateError`` in the other dialects, whose versions were all checked.
    """
    try:
        return parse(text, dialect)
    except TemplateError:
        if dialect != "agentflow":
            raise
    block = Block(tuple(_node(piece) for piece in parse_template(text).pieces))
    must, may = needs(block)
    return Template(text, dialect, must, may, (), block)


def _node(piece: str | Variable) -> str | Node:
    return piece if isinstance(piece, str) else value_node(Expr(Path(piece.name, tuple(map(str, piece.path)))))
