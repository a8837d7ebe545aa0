"""Builds the package with the server's own rules inside: ``schemas`` and ``streams.core`` as ``agentflow._engine``."""

import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from generate.engine_copy import copy_engine  # noqa: E402 - the folder of a build is not on the path


class BuildWithEngine(build_py):
    """Adds the engine to what is built."""

    def run(self) -> None:
        """Build. What an earlier build left, such as a module that is gone, is removed."""
        shutil.rmtree(Path(self.build_lib) / "agentflow", ignore_errors=True)
        super().run()
        copy_engine(HERE.parent, Path(self.build_lib) / "agentflow")


class SourcesWithEngine(sdist):
    """Adds the engine to a source distribution, which has no checkout around it."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Make the tree."""
        super().make_release_tree(base_dir, files)
        copy_engine(HERE.parent, Path(base_dir) / "agentflow")


setup(cmdclass={"build_py": BuildWithEngine, "sdist": SourcesWithEngine})
