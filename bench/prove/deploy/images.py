"""Lines of the images: built by buildah, twice, weighed, and run as ``docker-compose.yml`` runs them.

A quick run builds each target once; where images cannot be built nothing is measured, and the reason is printed.
"""

import asyncio
import io
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from bench.deploy.images.container import ImageSystem, image_of
from bench.deploy.images.contents import Entry, contents, differences, megabytes_over
from bench.deploy.images.rights import broken_rights
from bench.deploy.images.store import BASE, TARGETS, Store, opened
from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most, line_of
from deploy.local.engines.progress import Progress
from deploy.local.roles import ROOT
from deploy.local.samples.runs import SampleError, run_sample
from deploy.manifests.compose import services_of

_NONE = at_most(0)

AIMS = (
    *(Aim(f"image_mb_over_base_{target}", "MB", at_most(350), at_most(250)) for target in TARGETS),
    Aim("image_build_s", "s"),
    Aim("image_files_that_differ", "files", _NONE, _NONE),
    Aim("image_ids_that_differ", "images", _NONE, _NONE),
    Aim("image_sample_succeeded", "%", at_least(100), at_least(100)),
    Aim("image_rights_broken", "processes", _NONE, _NONE),
)
#: Every role is a process of its own, on few cores.
SAMPLE_S = 600.0


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Build, weigh, run. Raises ``NotThere`` where images cannot be built, ``BenchError`` when a build fails."""
    with tempfile.TemporaryDirectory(prefix="agentflow-images-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with opened(folder / "first") as store:
            lines, first = _built(store, progress)
            lines += _run(store, folder, progress)
        return lines if quick else lines + _built_again(folder / "second", first, progress)


class Built(dict[str, tuple[str, Mapping[str, Entry]]]):
    """Each target's image: its id and its contents."""


def _built(store: Store, progress: Progress) -> tuple[list[Line], Built]:
    began, built = time.monotonic(), Built()
    for target in TARGETS:
        progress(f"deploy: building the image {target}")
        built[target] = _one(store, target)
    took = time.monotonic() - began
    with store.root_of(BASE) as root:
        base = contents(root)
    lines = [line_of(AIMS, f"image_mb_over_base_{name}", megabytes_over(built[name][1], base)) for name in TARGETS]
    return [*lines, line_of(AIMS, "image_build_s", took, "both targets, downloads of wheels included")], built


def _one(store: Store, target: str) -> tuple[str, Mapping[str, Entry]]:
    identity = store.build(target, target)
    with store.root_of(f"localhost/{target}") as root:
        return identity, contents(root)


def _built_again(folder: Path, first: Built, progress: Progress) -> list[Line]:
    progress("deploy: building the images again, from nothing")
    with opened(folder) as store:
        second = Built((target, _one(store, target)) for target in TARGETS)
    differ = [path for target in TARGETS for path in differences(first[target][1], second[target][1])]
    others = [target for target in TARGETS if first[target][0] != second[target][0]]
    files = sum(len(one[1]) for one in first.values())
    return [
        line_of(AIMS, "image_files_that_differ", len(differ), f"of {files:,}: {', '.join(differ[:5]) or 'none'}"),
        line_of(AIMS, "image_ids_that_differ", len(others), ", ".join(others) or "the hashes of all layers are equal"),
    ]


@contextmanager
def _system(store: Store, folder: Path, progress: Progress) -> Iterator[ImageSystem]:
    with ExitStack() as stack:
        images = {
            target: image_of(
                stack.enter_context(store.root_of(f"localhost/{target}")), store.inspected(f"localhost/{target}")
            )
            for target in TARGETS
        }
        services = services_of(ROOT / "docker-compose.yml")
        data = folder / "data"
        system = ImageSystem(data, durable=False, progress=progress, images=images, services=services)
        stack.enter_context(system)
        yield system


def _run(store: Store, folder: Path, progress: Progress) -> list[Line]:
    progress("deploy: the sample on the images' processes")
    screen = io.StringIO()
    with _system(store, folder, progress) as system:
        rights = broken_rights(system)
        try:
            asyncio.run(run_sample(system.api_url, system.api_key, Console(file=screen), deadline_s=SAMPLE_S))
            succeeded, note = 100.0, f"{len(system.roles)} processes, one for each role"
        except SampleError as exc:
            succeeded, note = 0.0, str(exc)
        if gone := sorted(name for name, role in system.roles.items() if role.pid is None):
            succeeded, note = 0.0, f"{', '.join(gone)} ended"
    return [
        line_of(AIMS, "image_sample_succeeded", succeeded, note),
        line_of(AIMS, "image_rights_broken", len(rights), ", ".join(rights) or "user, capabilities, root and /tmp"),
    ]
