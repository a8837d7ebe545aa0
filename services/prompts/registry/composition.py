"""Parts: prompts that a prompt includes by ``{{> header@2}}``. Pure: the prompts that references name are given.

References are resolved when a version is created: ``header@production`` and ``header`` become the version that they
name at that moment, and its text is stored with the new version. A stored version has its own parts resolved, so what
it brings is taken as it is. Nothing that happens later, to a label or to a part, changes the version.

A prompt never includes itself, in no version: that would be a mistake that grows with each version.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from schemas.errors import InvalidInput, Problem
from schemas.prompts.form import (
    MAX_PART_DEPTH,
    MAX_PARTS,
    MAX_TEMPLATE_CHARS,
    PLAIN,
    PromptPart,
)
from schemas.prompts.texts import part_refs
from schemas.spec.model import PinnedPrompt
from schemas.templates import Dialect, template_errors


@dataclass(frozen=True, slots=True)
class Written:
    """One template of a prompt, at its place in the request."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Composed:
    """What a form stores of its parts: see ``PromptForm``."""

    refs: dict[str, str]
    parts: dict[str, PromptPart]


def direct_refs(texts: Sequence[Written], dialect: Dialect) -> list[str]:
    """Return the references of templates as they are written, each once and in order."""
    return list(dict.fromkeys(ref for one in texts for ref in part_refs(one.text, dialect)))


def compose(name: str, texts: Sequence[Written], dialect: Dialect, found: Mapping[str, PinnedPrompt]) -> Composed:
    """Return the parts of a prompt. ``found`` has the prompt that each reference names now.

    Raises ``InvalidInput`` with every problem: a reference that names nothing, a part that is no text of the same
    dialect, a cycle with its path, too many parts, too deep or too long.
    """
    if problems := tuple(_reference_problems(name, texts, dialect, found)):
        raise _refused(problems)
    refs = {ref: _key(found[ref]) for ref in direct_refs(texts, dialect)}
    parts: dict[str, PromptPart] = {}
    for ref, key in refs.items():
        prompt, form = found[ref], found[ref].form or PLAIN
        parts |= {**form.parts, key: PromptPart(template=prompt.template, refs=form.refs)}
    composed = Composed(refs, dict(sorted(parts.items())))
    if problems := tuple(_size_problems(texts, dialect, composed)):
        raise _refused(problems)
    return composed


def _reference_problems(
    name: str, texts: Sequence[Written], dialect: Dialect, found: Mapping[str, PinnedPrompt]
) -> Iterator[Problem]:
    for one in texts:
        for ref in dict.fromkeys(part_refs(one.text, dialect)):
            part = found.get(ref)
            if part is None:
                yield Problem(one.path, f"there is no prompt '{ref}' to include", "create it first, or name another")
                continue
            form = part.form or PLAIN
            if form.messages:
                said = f"'{ref}' has messages, and a part is a text"
                yield Problem(one.path, said, "include a prompt in text form, or copy its messages")
            elif form.dialect != dialect:
                said = f"'{ref}' is written in the dialect {form.dialect}, this prompt in {dialect}"
                yield Problem(
                    one.path, said, f"give both the same `dialect`, or include another version of {part.name}"
                )
            elif (error := next(iter(template_errors(part.template, dialect)), None)) is not None:
                said = f"'{ref}' is malformed: line {error.line}, column {error.column}: {error.message}"
                yield Problem(one.path, said, f"create a version of {part.name} that is not; {error.fix}")
            if (way := _way_to(name, part)) is not None:
                said = f"the prompt includes itself: {' -> '.join((name, *way))}"
                yield Problem(one.path, said, f"remove '{{{{> {ref}}}}}', or include a part without {name}")


def _way_to(name: str, part: PinnedPrompt) -> list[str] | None:
    """Return the parts on the way from a part to any version of the prompt ``name``, ``None`` if there is no way."""
    form = part.form or PLAIN
    own = {_key(part): PromptPart(template=part.template, refs=form.refs), **form.parts}
    waiting, been = [[_key(part)]], {_key(part)}
    for way in waiting:
        if way[-1].partition("@")[0] == name:
            return way
        for key in own[way[-1]].refs.values():
            if key not in been:
                been.add(key)
                waiting.append([*way, key])
    return None


def _size_problems(texts: Sequence[Written], dialect: Dialect, composed: Composed) -> Iterator[Problem]:
    path = texts[0].path
    if len(composed.parts) > MAX_PARTS:
        said = f"includes {len(composed.parts)} parts, the maximum is {MAX_PARTS}"
        yield Problem(path, said, "join parts that always come together")
    sizes = _Sizes(composed.parts, dialect)
    if (depth := max((sizes.depth(key) for key in composed.refs.values()), default=0)) > MAX_PART_DEPTH:
        said = f"includes parts inside of parts {depth} deep, the maximum is {MAX_PART_DEPTH}"
        yield Problem(path, said, "include the inner parts directly")
    chars = sum(sizes.chars(one.text, composed.refs) for one in texts)
    if chars > MAX_TEMPLATE_CHARS:
        said = f"has {chars} characters with its parts, the maximum is {MAX_TEMPLATE_CHARS}"
        yield Problem(path, said, "shorten the text or its parts; give long texts as inputs")


class _Sizes:
    """How deep and how long parts are with those that they include. There is no cycle in them."""

    def __init__(self, parts: Mapping[str, PromptPart], dialect: Dialect) -> None:
        self._parts = parts
        self._dialect = dialect
        self._depths: dict[str, int] = {}
        self._chars: dict[str, int] = {}

    def depth(self, key: str) -> int:
        if key not in self._depths:
            self._depths[key] = 1 + max((self.depth(inner) for inner in self._parts[key].refs.values()), default=0)
        return self._depths[key]

    def chars(self, text: str, refs: Mapping[str, str]) -> int:
        return len(text) + sum(self._of(refs[ref]) for ref in part_refs(text, self._dialect))

    def _of(self, key: str) -> int:
        if key not in self._chars:
            part = self._parts[key]
            self._chars[key] = self.chars(part.template, part.refs)
        return self._chars[key]


def _key(prompt: PinnedPrompt) -> str:
    return f"{prompt.name}@{prompt.version}"


def _refused(problems: tuple[Problem, ...]) -> InvalidInput:
    return InvalidInput.of(*problems)
