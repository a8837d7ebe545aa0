"""``python -m bench.privacy.closed.faulty FAULT MODULE ARGUMENTS``: a process of the product whose detectors fail.

``rule`` raises inside a search, where the engine of detectors guards itself; ``engine`` raises behind that guard;
``memory`` raises ``MemoryError`` there; ``nothing`` fails nowhere and is the control.
"""

import runpy
import sys
from typing import Any, NoReturn

from services.privacy.detect.engine import Detectors

FAULTS: dict[str, tuple[tuple[str, ...], type[BaseException]]] = {
    "nothing": ((), RuntimeError),
    "rule": (("_find",), RuntimeError),
    "engine": (("find", "find_in"), RuntimeError),
    "memory": (("find", "find_in"), MemoryError),
}


def plant(fault: str) -> None:
    """Let the detectors of this process raise. Raises ``KeyError`` for a fault that there is not."""
    methods, error = FAULTS[fault]

    def raises(*_args: Any, **_options: Any) -> NoReturn:
        raise error("a planted fault of a detector")

    for name in methods:
        if not hasattr(Detectors, name):
            raise AttributeError(f"Detectors has no {name}, so the fault would not be one")
        setattr(Detectors, name, raises)


def main() -> None:
    """Plant the fault, then run the module as ``python -m`` does."""
    fault, module, *arguments = sys.argv[1:]
    plant(fault)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
