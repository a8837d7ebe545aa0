"""Settings from a YAML file: ``CONFIG_FILE`` names it. The environment wins over the file.

Texts may hold ``${NAME}`` and ``${NAME:-default}``, which the environment fills; ``$$`` is a dollar sign. What a file
says becomes environment variables, so that ``schemas.settings`` checks both in one way.
"""

import json
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from schemas.configuration.keys import API_KEYS, CACHE_SIZE, UNUSED, config_keys
from schemas.configuration.variables import FILE_SUFFIX, PARTS
from schemas.settings import Settings
from schemas.spec.caching import size_of
from schemas.spec.check.shape import similar

CONFIG_FILE = "CONFIG_FILE"
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<bad>\{))")
_MIB = 1024 * 1024


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong in a file, and how to correct it; ``line`` counts from 1, 0 is the whole file."""

    line: int
    text: str

    def __str__(self) -> str:
        """Return it as a compiler would write it, without the file's name."""
        return f"{self.line}: {self.text}" if self.line else self.text


@dataclass
class ConfigFile:
    """What one file says: values by variable, where each stands, and what is wrong or has no effect."""

    path: str
    values: dict[str, str] = field(default_factory=dict)
    places: dict[str, tuple[int, str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unused: list[Problem] = field(default_factory=list)

    def merged(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return the environment with what the file adds: what is set there wins, a URL over its parts, too."""
        taken = {name.removesuffix(FILE_SUFFIX) for name, value in env.items() if value}
        for url, parts in PARTS.items():
            if url in taken:
                taken.update(parts)
            elif taken.intersection(parts):
                taken.add(url)
        return dict(env) | {n: text for n, text in self.values.items() if n.removesuffix(FILE_SUFFIX) not in taken}


def read_config(path: str, text: str, env: Mapping[str, str]) -> ConfigFile:
    """Read a file's text. What is wrong is in ``problems``; values that are right are read all the same."""
    found = ConfigFile(path)
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as exc:
        line = 0 if exc.problem_mark is None else exc.problem_mark.line + 1
        found.problems.append(Problem(line, f"is not YAML: {exc.problem}; correct this line or the one before"))
        return found
    if root is not None:
        _read(found, root, env)
        _refuse_both(found)
    return found


def check_config(path: str, text: str, env: Mapping[str, str]) -> ConfigFile:
    """Read a file, and add to its ``problems`` what is wrong with the settings that it and the environment make."""
    found = read_config(path, text, env)
    _, wrong = Settings.checked(found.merged(env))
    for variable, message in wrong.items():
        line, key = _place(found, variable, message)
        found.problems.append(Problem(line, f"{key}: {message}" if key else message))
    found.problems.sort()
    return found


def _place(found: ConfigFile, variable: str, message: str) -> tuple[int, str]:
    """Return where a file sets what a message is about: it begins with the variable, which may be a part of a URL."""
    named = re.split(r"[= ]", message, maxsplit=1)[0]
    names = (named, variable, variable + FILE_SUFFIX, *PARTS.get(variable, ()))
    return next((found.places[name] for name in names if name in found.places), (0, ""))


def configured(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with what the file adds that ``CONFIG_FILE`` names.

    Raises ``ValueError`` with a line for each problem.
    """
    path = env.get(CONFIG_FILE, "")
    if not path:
        return dict(env)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise ValueError(f"{CONFIG_FILE}={path!r} cannot be read ({why}); name a YAML file") from exc
    found = check_config(path, text, env)
    if found.problems:
        raise ValueError("\n".join(f"{path}:{problem}" for problem in found.problems))
    return found.merged(env)


def add_option(parser: ArgumentParser) -> None:
    """Let a command take ``--config FILE``."""
    parser.add_argument("--config", metavar="FILE", help="a YAML file with settings; the environment wins over it")


def with_option(env: Mapping[str, str], args: Namespace) -> dict[str, str]:
    """Return the environment of a command, in which ``--config`` wins over ``CONFIG_FILE``."""
    return {**env, **({CONFIG_FILE: args.config} if args.config else {})}


def _read(found: ConfigFile, root: yaml.Node, env: Mapping[str, str]) -> None:
    keys = config_keys()
    sections = {key.partition(".")[0] for key in keys}
    for section, line, node in _pairs(found, root, "the file"):
        if section not in sections:
            found.problems.append(Problem(line, f"{section!r} is no section; {similar(section, sections)}"))
            continue
        own = [key.partition(".")[2] for key in (*keys, *UNUSED) if key.startswith(f"{section}.")]
        for name, place, value in _pairs(found, node, section):
            key = f"{section}.{name}"
            if key in UNUSED:
                found.unused.append(Problem(place, f"{key} has no effect: {UNUSED[key]}"))
            elif key not in keys:
                found.problems.append(Problem(place, f"{name!r} is no key in {section}; {similar(name, own)}"))
            else:
                _set(found, key, keys[key], place, value, env)


def _pairs(found: ConfigFile, node: yaml.Node, where: str) -> Iterator[tuple[str, int, yaml.Node]]:
    if isinstance(node, yaml.ScalarNode) and not node.value:
        return
    if not isinstance(node, yaml.MappingNode):
        line = node.start_mark.line + 1
        found.problems.append(Problem(line, f"{where} is not a mapping; write `key: value` lines below it"))
        return
    before: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            found.problems.append(Problem(line, f"a key in {where} is not a text; write a name"))
        elif key.value in before:
            found.problems.append(Problem(line, f"{key.value} is already set in line {before[key.value]}; remove one"))
        else:
            before[key.value] = line
            yield key.value, line, value


def _set(found: ConfigFile, key: str, variable: str, line: int, node: yaml.Node, env: Mapping[str, str]) -> None:
    if key != API_KEYS and not isinstance(node, yaml.ScalarNode):
        found.problems.append(Problem(line, f"{key} is a list or a mapping; write one value"))
        return
    try:
        text = json.dumps(_plain(node, env)) if key == API_KEYS else _plain(node, env)
        if key == CACHE_SIZE and text:
            text = str(max(1, size_of(text) // _MIB))
    except ValueError as exc:
        found.problems.append(Problem(line, f"{key} {exc}"))
        return
    if text:
        found.values[variable] = text
        found.places[variable] = (line, key)


def _plain(node: yaml.Node, env: Mapping[str, str]) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [_plain(one, env) for one in node.value]
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _plain(value, env) for key, value in node.value}
    # YAML's null, and nothing at all, set nothing.
    return "" if node.tag == "tag:yaml.org,2002:null" else _filled(str(node.value), env)


def _filled(text: str, env: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        if match["bad"]:
            raise ValueError(f"has {text[match.start() : match.start() + 20]!r}; write ${{NAME}} or ${{NAME:-default}}")
        given = env.get(match["name"], "") or match["default"]
        if given is None:
            raise ValueError(f"needs the variable {match['name']}; set it, or write ${{{match['name']}:-default}}")
        return str(given)

    return _VARIABLE.sub(value, text)


def _refuse_both(found: ConfigFile) -> None:
    """Refuse a URL whose parts are given, too. A secret and its file are refused where they are read."""
    for url, parts in PARTS.items():
        given = [part for part in parts if found.values.keys() & {part, part + FILE_SUFFIX}]
        if given and url in found.places:
            line, key = found.places[url]
            found.problems.append(Problem(line, f"{key} and its parts are both given; leave one of the two out"))
