"""What a model's answer is as a value."""

import re

from schemas.errors import Undecodable
from schemas.records.base import Json
from topics.codec import parse

#: Models like to put JSON into a block of Markdown, whatever they are asked.
_FENCED = re.compile(r"```(?:json)?[ \t]*\n(?P<inside>.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)


def read_answer(text: str) -> Json:
    """Return an answer that is a JSON object or list as that value, so that ``node.output.field`` reaches into it.

    It may stand in one fenced block, with nothing around it. Every other answer is its text, as it is.
    """
    bare = text.strip()
    fenced = _FENCED.fullmatch(bare)
    if fenced is not None:
        bare = fenced["inside"].strip()
    if bare[:1] + bare[-1:] not in ("{}", "[]"):
        return text
    try:
        return parse(bare.encode())
    except Undecodable:
        return text
