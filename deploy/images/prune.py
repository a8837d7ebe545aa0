"""``python3 -m deploy.images.prune LIB``: delete what no process of ours loads from packages, and compile the rest.

It runs while an image is built, on the Python of the base alone. Each entry says why it
may go. Bytecode is hash-based: it does not hold the time of the build, so the same source gives the same files.
"""

import compileall
import py_compile
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from deploy.images.elf import strip

#: Whole packages that a dependency names and no code of ours reaches, with all that an installer puts beside them; the
#: bill of materials leaves them out. The summariser parses no HTML, and nothing builds packages or runs jobs.
UNREACHED = ("breadability", "docopt", "docopt-ng", "joblib", "lxml", "lxml-html-clean", "setuptools")
#: Names of a package's folders that are not its own name.
_FOLDERS = {"setuptools": ("pkg_resources", "_distutils_hack", "distutils-precedence.pth"), "docopt-ng": ("docopt.py",)}
#: Below ``site-packages``, as patterns: folders and files.
UNUSED = (
    # Tests of the packages.
    "*/**/tests",
    "*/tests",
    # Sources of extension modules, headers and type stubs: nothing is compiled or checked here.
    "*/**/*.pyi",
    "*/**/*.pyx",
    "*/**/*.pxd",
    "*/**/*.c",
    "*/**/*.h",
    "*/**/*.a",
    # Names of countries in other languages.
    "pycountry/locales",
    # Places and carriers of telephone numbers: ours are parsed and checked only.
    "phonenumbers/geodata",
    "phonenumbers/carrierdata",
    "phonenumbers/tzdata",
    "phonenumbers/geocoder.py",
    "phonenumbers/carrier.py",
    "phonenumbers/timezone.py",
    # Manufacturers of network cards.
    "stdnum/oui.dat",
    # Pictures in formats that we do not read, and letters drawn into pictures.
    "PIL/_avif.*.so",
    "pillow.libs/libavif-*",
    "PIL/_imagingft.*.so",
    "pillow.libs/libfreetype-*",
    "pillow.libs/libharfbuzz-*",
    "nltk/test",
    # Colours for languages of programs: our tables have none.
    "pygments/lexers/[a-z]*.py",
    # Libraries of functions that expressions of ours do not have.
    "cel_expr_python/ext",
)
#: Of these a process loads a few modules of hundreds: they are compiled when they are loaded.
NOT_COMPILED = re.compile(r"/(nltk|pycountry|sumy|stdnum)/")


def unused(packages: Path) -> Iterator[Path]:
    """Yield what may go below one ``site-packages``."""
    for pattern in (*UNUSED, *_all_of(UNREACHED)):
        yield from sorted(packages.glob(pattern))


def _all_of(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        module = name.replace("-", "_")
        yield from (module, f"{module}-[0-9]*.dist-info", *_FOLDERS.get(name, ()))


def prune(lib: Path) -> int:
    """Delete it below a ``lib`` of a virtual environment; return how many bytes that frees."""
    freed = 0
    for packages in sorted(lib.glob("python*/site-packages")):
        for path in list(unused(packages)):
            if path.is_dir():
                freed += sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
                shutil.rmtree(path)
            elif path.exists():
                freed += path.stat().st_size
                path.unlink()
        freed += sum(
            strip(path) for path in sorted(packages.rglob("*.so*")) if path.is_file() and not path.is_symlink()
        )
    return freed


def compile_all(folder: Path) -> bool:
    """Compile every module below a folder but those of ``NOT_COMPILED``; return whether all could be."""
    return bool(
        compileall.compile_dir(
            folder,
            quiet=1,
            rx=NOT_COMPILED,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    )


def main(arguments: Sequence[str]) -> int:
    """Prune and compile; return the exit code."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        sys.stderr.write("usage: python3 -m deploy.images.prune LIB\n")
        return 2
    lib = Path(arguments[0])
    sys.stdout.write(f"{prune(lib) / 1e6:.0f} MB of packages that nothing loads were deleted\n")
    return 0 if compile_all(lib) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
