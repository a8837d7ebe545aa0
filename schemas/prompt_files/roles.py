"""Messages in a body: ``{{role "user"}}`` begins one, and ``{{media url=photo}}`` at its beginning shows an image."""

import re
from collections.abc import Iterable

from schemas.prompt_files.front_matter import SPACE
from schemas.prompt_files.problems import invalid
from schemas.prompts.form import PromptMessage, Role

ROLE = re.compile(r"""\{\{[ \t]*role[ \t]+["']([a-z]+)["'][ \t]*\}\}""")
MEDIA = re.compile(r"""\{\{[ \t]*media[ \t]+url=([A-Za-z_][A-Za-z0-9_]*)[ \t]*\}\}""")
_MARK = re.compile(r"""\{\{\s*(?:role\s+["']|media\s+url=)""")
_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "model": "assistant",
}


def messages_of(body: str) -> list[PromptMessage]:
    """Return the messages of a body; none if it marks none. Raises ``InvalidSpec``."""
    found = list(ROLE.finditer(body))
    if not found:
        if MEDIA.match(body.lstrip(SPACE)):
            return [_message("user", body)]
        return []
    before = body[: found[0].start()]
    messages = [_message("user", before)] if before.strip(SPACE) else []
    for match, after in zip(found, [*found[1:], None], strict=True):
        messages.append(_message(match[1], body[match.end() : after.start() if after else len(body)]))
    return messages


def body_of(messages: Iterable[PromptMessage]) -> str:
    """Return messages as a body; each of them ``fits``."""
    return "\n\n".join(marked(message.role, message.images, message.template) for message in messages)


def fits(text: str) -> bool:
    """Return true if a text can stand in a body: it marks nothing itself, and has no white space around it."""
    return bool(text) and text == text.strip(SPACE) and _MARK.search(text) is None and "\r" not in text


def marked(role: str, images: Iterable[str], text: str) -> str:
    """Return a message with the marks of its role and its images."""
    return "\n".join([f'{{{{role "{role}"}}}}', *(f"{{{{media url={name}}}}}" for name in images), text])


def _message(role: str, text: str) -> PromptMessage:
    if role not in _ROLES:
        raise invalid("", f"there is no role '{role}'", f"write one of {', '.join(sorted(_ROLES))}")
    images, text = _images(text.strip(SPACE))
    if MEDIA.search(text):
        raise invalid("", "an image is inside of a message", "write {{media url=name}} right after the role")
    if not text and not images:
        raise invalid("", f"a message of the {role} has no text", "write it below the role, or remove the role")
    return PromptMessage(role=_ROLES[role], template=text, images=images)


def _images(text: str) -> tuple[list[str], str]:
    names: list[str] = []
    while match := MEDIA.match(text):
        names.append(match[1])
        text = text[match.end() :].lstrip(SPACE)
    return names, text
