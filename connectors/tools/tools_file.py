"""A user's file of tools, functions and providers, as ``TOOLS=./mytools.py`` names it, loaded again when it changes.

``python -m connectors.tools.tools_file FILE`` checks one: exit code 0 and what it declares, or 1 and the faulty line.
"""

import logging
import sys
import traceback
from pathlib import Path
from types import ModuleType

from connectors.objects.file_stamp import Stamp, stamp_of
from connectors.providers.custom.registry import CUSTOM, CustomProviders, declared_providers
from connectors.tools.declared import declared_in, register
from connectors.tools.entries import ToolKind
from connectors.tools.registry import REGISTRY, Registry

log = logging.getLogger(__name__)


class ToolsFileError(Exception):
    """The file cannot be loaded; the message has its path, the line and the cause."""


class ToolsFile:
    """One file in a registry. What was loaded stays while the file is broken."""

    def __init__(self, path: Path, registry: Registry = REGISTRY, providers: CustomProviders = CUSTOM) -> None:
        self._path = path.absolute()
        self._registry = registry
        self._stamp: Stamp | None = None
        self._problem: str | None = None
        self._names: list[tuple[ToolKind, str]] = []
        self._providers = providers
        self.provider_names: list[str] = []

    def refresh(self) -> None:
        """Load the file if it has changed; a fault is reported in the log and in ``Registry.problems``."""
        stamp = stamp_of(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        if self._problem in self._registry.problems:
            self._registry.problems.remove(self._problem)
        self._problem = None
        try:
            self.load()
        except ToolsFileError as exc:
            self._problem = f"{exc}; correct the file, then it is loaded again"
            self._registry.problems.append(self._problem)
            log.error("%s", self._problem, extra={"action": "tools_file_broken"})  # noqa: TRY400 - it has the line

    def load(self) -> list[tuple[ToolKind, str]]:
        """Load the file in place of what it held before; return kinds and names. Raises ``ToolsFileError``."""
        module = _module(self._path)
        before = [self._registry.discard(kind, name) for kind, name in self._names]
        added: list[tuple[ToolKind, str]] = []
        try:
            added.extend(register(self._registry, found) for found in declared_in(module))
            self._register_providers(module)
        except (TypeError, ValueError) as exc:
            for kind, name in added:
                self._registry.discard(kind, name)
            for entry in before:
                self._registry.add(entry)
            raise ToolsFileError(f"{self._path}: {exc}") from exc
        self._names = added
        return added

    def _register_providers(self, module: ModuleType) -> None:
        """Register the file's providers in place of those before. Raises ``ValueError``; then nothing has changed."""
        fresh = CustomProviders()
        found = list(declared_providers(module))
        names = [fresh.register(one) for one in found]
        if taken := (self._providers.names() - set(self.provider_names)) & set(names):
            raise ValueError(f"the provider {min(taken)!r} exists already; choose another name")
        for name in self.provider_names:
            self._providers.discard(name)
        for one in found:
            self._providers.register(one)
        self.provider_names = names


def _module(path: Path) -> ModuleType:
    """Run the file as a new module. It may import what lies beside it. Raises ``ToolsFileError``."""
    module = ModuleType(f"agentflow_tools_{path.stem}")
    module.__file__ = str(path)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    before = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module
    try:
        # Compiled here: the cache of modules takes a change within a second for none.
        exec(compile(path.read_bytes(), str(path), "exec"), vars(module))  # noqa: S102 - the user's own file
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # a file may do anything when it is loaded, even exit
        if before is not None:
            sys.modules[module.__name__] = before
        raise ToolsFileError(f"{path}:{_line(exc, path)}: {type(exc).__name__}: {exc}") from exc
    return module


def _line(exc: BaseException, path: Path) -> int:
    if isinstance(exc, SyntaxError) and exc.filename == str(path):
        return exc.lineno or 1
    lines = [frame.lineno for frame in traceback.extract_tb(exc.__traceback__) if frame.filename == str(path)]
    return (lines[-1] if lines else None) or 1


def main(path: Path) -> int:
    """Check a file; see the module's text."""
    from connectors.tools.entry_points import load_entry_points

    load_entry_points()
    tools = ToolsFile(path)
    try:
        names = [f"{kind} {name}" for kind, name in tools.load()]
    except ToolsFileError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    names += [f"provider {name}" for name in tools.provider_names]
    sys.stdout.write((", ".join(names) or "no tools, functions or providers") + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
