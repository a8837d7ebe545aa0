"""``python -m deploy.verify``: refuse a site whose settings may lose data or show it, and say why.

It is for the last step before a site takes real work, for a pipeline, and for a hook of a chart. With every engine on
this machine, as with ``make run``, nothing is refused unless ``--strict``.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from deploy.commands import EXIT_OK, EXIT_REFUSED, run_command
from deploy.verify.asking import ask
from deploy.verify.findings import Finding, is_local, of_settings
from schemas.configuration.running_system import add_data_dir
from schemas.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 safe or allowed, 1 something is refused, 2 wrong settings, 3 an engine is away."""
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="python -m deploy.verify", description=(__doc__ or "").partition("\n")[0])
    add_data_dir(parser)
    parser.add_argument("--allow", action="append", default=[], metavar="NAME", help="a finding to allow; repeatable")
    parser.add_argument("--strict", action="store_true", help="refuse also where all engines are on this machine")
    parser.add_argument("--settings-only", action="store_true", help="ask no engine")
    asked = parser.parse_args(argv)

    def work(settings: Settings) -> int:
        found = list(of_settings(settings)) + ([] if asked.settings_only else asyncio.run(ask(settings)))
        return _said(found, set(asked.allow), is_local(settings) and not asked.strict)

    return run_command("verify", argv, work)


def _said(found: Sequence[Finding], allowed: set[str], local: bool) -> int:
    refused = [finding for finding in found if finding.name not in allowed]
    for finding in found:
        word = "allowed" if finding.name in allowed else "noted" if local else "refused"
        print(f"{word}  {finding}")
    if unknown := allowed - {finding.name for finding in found}:
        print(f"nothing to allow by {', '.join(sorted(unknown))}")
    if local and refused:
        print("all engines are on this machine, so nothing is refused; --strict refuses")
        return EXIT_OK
    print(f"{len(refused)} refused, {len(found) - len(refused)} allowed")
    return EXIT_REFUSED if refused else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
