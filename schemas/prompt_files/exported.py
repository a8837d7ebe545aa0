"""Templates of ours in the languages of others. A tag without a counterpart there is an error with its line."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from schemas.api_models.prompts.versions import CreatePrompt
from schemas.prompt_files.problems import Note, invalid
from schemas.prompts.input_schemas import input_schema_of
from schemas.templates import TemplateError
from schemas.templates.expressions import Expr, Path
from schemas.templates.pieces import Tag
from schemas.templates.source import Source
from schemas.templates.tags import tags

_SAME_FILTERS = frozenset({"default", "first", "join", "last", "length", "lower", "trim", "upper"})
Write = Callable[[Tag], str | None]


def to_handlebars(template: str, prompt: CreatePrompt, notes: list[Note]) -> str:
    """Return a template for dotprompt. Raises ``InvalidSpec``."""

    def write(tag: Tag) -> str | None:
        name = "this" if str(tag.path) == "." else str(tag.path)
        match tag.kind:
            case "open" | "inverted":
                return f"{{{{{'#' if tag.kind == 'open' else '^'}{name}}}}}"
            case "close":
                return f"{{{{/{name}}}}}"
            case "part" if tag.part is not None:
                if tag.part.which is not None:
                    notes.append(
                        Note(f"> {tag.part.ref}", "is named without its version there", "export that one, too")
                    )
                args = [f"{arg}={_handlebars_value(expr)}" for arg, expr in tag.part.args.items()]
                return f"{{{{> {' '.join([tag.part.name, *args])}}}}}" if "None" not in args else None
        return _handlebars(tag.expr or Expr(tag.path))

    return _written(template, prompt, write, lambda text: text.replace("{{", "\\{{"))


def to_nunjucks(template: str, prompt: CreatePrompt, notes: list[Note]) -> str:
    """Return a template for promptfoo. Raises ``InvalidSpec``."""
    if prompt.dialect == "jinja":
        notes.append(Note("dialect", "is Jinja, and there it is Nunjucks", "compare what both render"))
        return template
    properties = _properties(prompt)

    def write(tag: Tag) -> str | None:
        name = str(tag.path)
        match tag.kind:
            case "open":
                return f"{{% if {name} %}}" if _is_condition(tag.path, properties, notes) else None
            case "inverted":
                return f"{{% if not {name} %}}"
            case "close":
                return "{% endif %}"
            case "part":
                return None
        return _nunjucks(tag.expr or Expr(tag.path))

    return _written(template, prompt, write, lambda text: re.sub(r"\{([{%#])", r"{{ '{\1' }}", text))


def _written(template: str, prompt: CreatePrompt, write: Write, literal: Callable[[str], str]) -> str:
    if prompt.dialect != "agentflow":
        raise invalid(
            "dialect", f"templates in {prompt.dialect} cannot be exported there", "write it in our own dialect"
        )
    source, errors = Source(template), list[TemplateError]()
    pieces, at = [], 0
    for tag in tags(source, errors):
        pieces.append(literal(template[at : tag.start]))
        at = tag.end
        if tag.kind == "comment":
            continue
        written = write(tag)
        if written is None:
            line, column = source.position(tag.start)
            shown = template[tag.start : tag.end]
            raise invalid("", f"line {line}, column {column}: {shown} has no counterpart there", "write it without")
        pieces.append(written)
    if errors:
        raise invalid("", str(errors[0]), errors[0].fix)
    return "".join([*pieces, literal(template[at:])])


def _path(expr: Expr) -> str | None:
    return str(expr.operand) if isinstance(expr.operand, Path) else None


def _handlebars(expr: Expr) -> str | None:
    path = _path(expr)
    if path is None:
        return "\\{{" if _literal(expr) == "{{" else None
    name = "this" if path == "." else path
    match [(one.name, *one.args) for one in expr.filters]:
        case []:
            return f"{{{{{name}}}}}"
        case [("json",)]:
            return f"{{{{json {name}}}}}"
        case [("default", "")]:
            return f"{{{{{name}}}}}"
        case [("default", str(text))] if "{{" not in text:
            return f"{{{{#if {name}}}}}{{{{{name}}}}}{{{{else}}}}{text}{{{{/if}}}}"
    return None


def _handlebars_value(expr: Expr) -> str:
    path = _path(expr)
    if expr.filters:
        raise invalid("", f"the argument {path} has filters, which have no counterpart there", "write it without")
    return path if path is not None else json.dumps(_literal(expr), ensure_ascii=False)


def _nunjucks(expr: Expr) -> str | None:
    path = _path(expr)
    if path == "." or any(one.name not in (_SAME_FILTERS | {"json"}) for one in expr.filters):
        return None
    shown = path if path is not None else json.dumps(_literal(expr), ensure_ascii=False)
    for one in expr.filters:
        args = ", ".join(json.dumps(each, ensure_ascii=False) for each in one.args)
        name = "dump" if one.name == "json" else one.name
        shown += f" | {name}{f'({args})' if args else ''}"
    return f"{{{{ {shown} }}}}" if expr.filters or path is None else f"{{{{{shown}}}}}"


def _literal(expr: Expr) -> Any:
    return None if isinstance(expr.operand, Path) else expr.operand.value


def _properties(prompt: CreatePrompt) -> Mapping[str, Any]:
    """Return the schemas of the values, by name."""
    schema = {} if prompt.variables is None else input_schema_of(prompt.variables)
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _is_condition(path: Path, properties: Mapping[str, Any], notes: list[Note]) -> bool:
    """Return true for a section that repeats nothing. One of a value without a schema is taken as such, with a note."""
    if not path.name or path.steps:
        return False
    if path.name not in properties:
        said = "is a condition there, which repeats nothing for a list"
        notes.append(Note(f"#{path.name}", said, "give its type in the schema"))
        return True
    return not _may_be_list(properties[path.name])


def _may_be_list(schema: object) -> bool:
    """Return true for a value that is a list, or whose schema does not say that it is none."""
    kinds = schema.get("type") if isinstance(schema, dict) else None
    return kinds is None or "array" in (kinds if isinstance(kinds, list) else [kinds])
