"""Which value every setting has and where it is from: the default, the environment, or a line of a file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from schemas.configuration.file import ConfigFile
from schemas.configuration.variables import FILE_SUFFIX, PARTS, Setting, Variables
from schemas.settings import Settings, variables

MASK = "********"


@dataclass(frozen=True)
class Shown:
    """A setting as it may be shown: a secret that is set is masked."""

    key: str
    variable: str
    value: str
    origin: str


def report(env: Mapping[str, str], file: ConfigFile | None) -> Iterator[Shown]:
    """Yield every setting in the order of the groups."""
    merged = dict(env) if file is None else file.merged(env)
    given = Variables(Settings, merged)()
    for setting in variables().values():
        value = given.get(setting.group, {}).get(setting.field)
        yield Shown(
            f"{setting.group}.{setting.field}",
            setting.variable,
            _value(setting, value),
            "default" if value is None else _origin(setting.variable, env, merged, file),
        )


def _value(setting: Setting, value: str | None) -> str:
    if setting.secret:
        return MASK if value else setting.default
    return setting.default if value is None else value


def _origin(variable: str, env: Mapping[str, str], merged: Mapping[str, str], file: ConfigFile | None) -> str:
    names = [variable, variable + FILE_SUFFIX, *PARTS.get(variable, ())]
    name = next(one for one in names if merged.get(one))
    if env.get(name) or file is None:
        return f"environment: {name}"
    line, key = file.places[name]
    return f"{file.path}:{line}: {key}"
