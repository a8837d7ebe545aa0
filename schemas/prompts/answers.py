"""What is recorded of a model's answer: the value that its text has."""

import re

from schemas.errors import Undecodable
from schemas.records.base import Json
from schemas.values.bounds import MAX_DEPTH
from schemas.values.json_text import read_json

#: Models like to put JSON into a block of Markdown, whatever they are asked.
_FENCED = re.compile(r"```(?:json)?[ \t]*\n(?P<inside>.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)


def read_answer(text: str, *, has_schema: bool = False) -> Json:
    """Return an answer that is a JSON object or list as that value, so that ``node.output.field`` reaches into it.

    It may stand in one fenced block, with nothing around it. Every other answer is its text, as it is; with a schema
    texts, numbers and the like are JSON, too.
    """
    bare = bare_answer(text)
    if not has_schema and bare[:1] + bare[-1:] not in ("{}", "[]"):
        return text
    try:
        return read_json(bare.encode(), MAX_DEPTH)
    except (Undecodable, UnicodeEncodeError):
        return text


def bare_answer(text: str) -> str:
    """Return an answer without white space and a fenced block around it."""
    bare = text.strip()
    fenced = _FENCED.fullmatch(bare)
    return bare if fenced is None else fenced["inside"].strip()
