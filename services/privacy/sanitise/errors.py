"""Texts that are not read to their end. Both are final: a retry cannot help, and the text must not pass.

TooLarge (schemas.errors)
├── TextTooLarge   a text, or what is encoded in it, has more characters than are read
└── TooDeep        encodings within encodings, or JSON within JSON, beyond the depth that is read
"""

from schemas.errors import TooLarge


class TextTooLarge(TooLarge):
    """A text, or the sum of what is encoded in it, is over the limit."""

    def __init__(self, chars: int, most: int) -> None:
        super().__init__(f"the text has {chars} characters and at most {most} are read; split it, or send less")


class TooDeep(TooLarge):
    """A text has encodings within encodings, or a value has values within values, beyond the limit."""

    def __init__(self, what: str, most: int) -> None:
        super().__init__(f"{what} are nested deeper than {most} levels; send them less deeply nested")
