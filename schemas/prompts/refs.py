"""How prompts are named: ``name`` or ``name@latest`` for the newest version, ``name@3``, and ``name@production``.

A label is a word that names one version until it is moved. It is never a number, which would be read as a version.
"""

import re
from dataclasses import dataclass

_NAME = r"[A-Za-z][A-Za-z0-9_.-]{0,127}"
_VERSION = r"[1-9][0-9]{0,8}"
_LABEL = r"[a-z][a-z0-9_.-]{0,63}"
LABEL_PATTERN = f"^{_LABEL}$"
PROMPT_REF_PATTERN = f"^{_NAME}(@({_VERSION}|{_LABEL}))?$"
#: A prompt, or one version of it.
PROMPT_VERSION_PATTERN = f"^{_NAME}(@{_VERSION})?$"
#: The newest version, whatever labels there are.
LATEST = "latest"
MAX_LABELS = 100

#: A reference by its name, and its version or its label.
PROMPT_REF = re.compile(f"({_NAME})(?:@(?:({_VERSION})|({_LABEL})))?")
_LABELS = re.compile(_LABEL)


@dataclass(frozen=True, slots=True)
class PromptRef:
    """A name with a version or a label; with neither it is the newest version."""

    name: str
    version: int | None = None
    label: str | None = None

    def __str__(self) -> str:
        which = self.version if self.version is not None else self.label
        return self.name if which is None else f"{self.name}@{which}"

    @property
    def floats(self) -> bool:
        """Return true if it may name another version later."""
        return self.version is None


def parse_prompt_ref(text: str) -> PromptRef:
    """Return what a reference names. Raises ``ValueError``."""
    match = PROMPT_REF.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' names no prompt: write name, name@3 or name@production")
    name, version, label = match.groups()
    return PromptRef(name, int(version) if version else None, None if label == LATEST else label)


def check_label(label: str) -> str:
    """Return a label that may be moved. Raises ``ValueError`` that says what to choose instead."""
    if label.isdecimal():
        raise ValueError(f"'{label}' is a number, which names a version: choose a word such as production")
    if label == LATEST:
        raise ValueError("'latest' is reserved for the newest version: choose another word, or name the prompt alone")
    if _LABELS.fullmatch(label) is None:
        raise ValueError(
            f"'{label[:80]}' is no label: begin with a to z; at most 64 of a to z, digits, '_', '.' and '-'"
        )
    return label
