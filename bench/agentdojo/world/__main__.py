"""``python -m bench.agentdojo.world SUITE…``: print a port, and serve worlds there until the end of the input."""

import importlib
import os
import sys
import threading
from typing import NoReturn

from bench.agentdojo.world.server import WorldServer
from bench.agentdojo.world.suite import Suite
from bench.agentdojo.world.tiny import TINY, TinySuite


def main() -> NoReturn:
    """Serve until the end of the input."""
    server = WorldServer({name: _suite(name) for name in sys.argv[1:]})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()
    # Taking thousands of environments apart would take longer than anybody waits.
    os._exit(0)


def _suite(name: str) -> Suite:
    if name == TINY:
        return TinySuite()
    from bench.agentdojo.world.dojo_import import load_suite

    load_suite(name)
    suite: Suite = importlib.import_module("bench.agentdojo.world.dojo").DojoSuite(name)
    return suite


if __name__ == "__main__":
    main()
