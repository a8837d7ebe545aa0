"""``python -m streams.replay RUN…``: verifies runs with a worker's functions, and with values from the object store.

``agentctl trace replay --mode verified`` does the same where no store can be reached. Nothing is written.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.kafka.log import KafkaLog
from connectors.kms.opening import open_kms
from connectors.objects.s3 import s3_access
from connectors.objects.store import open_objects
from connectors.postgres.database import Database
from connectors.postgres.history.run_places import RunPlaces
from connectors.postgres.history.runs import Runs
from connectors.tools import REGISTRY, load_entry_points
from connectors.tools.tools_file import ToolsFile
from schemas.configuration.running_system import add_data_dir, environment
from schemas.errors import AgentFlowError, Rejected
from schemas.settings import Settings
from services.observability.replay.run_records import RunRecords
from services.privacy.subjects.wiring import sealing_objects
from services.privacy.vault.opening import open_vault
from services.prompts.evaluations.functions import register
from streams.core.replay.records import Recorded, event_of
from streams.core.replay.verify import Recording, Verdict, verify
from streams.replay.functions import WorkerFunctions
from streams.replay.history import end_of

EXIT_OK, EXIT_DIFFERENT, EXIT_USAGE, EXIT_UNAVAILABLE = 0, 1, 2, 3


@dataclass(frozen=True)
class Verifier:
    """Verifies runs of one organisation."""

    org_id: str
    records: RunRecords
    history: Runs
    functions: WorkerFunctions

    async def verify(self, run_id: str) -> Verdict:
        """Return what a replay of a run found. Raises ``NotFound`` and ``Unavailable``."""
        recording = await self.recording(run_id)
        return await verify(recording, bind=self.functions.bind, call=self.functions.call)

    async def recording(self, run_id: str) -> Recording:
        """Return a run's records, with its end if it has ended. Raises ``NotFound`` and ``Unavailable``."""
        records: list[Recorded] = []
        cursor: str | None = None
        while True:
            page = await self.records.page(self.org_id, run_id, cursor)
            records += [Recorded(one.offset, one.at_ms, event_of(one.text)) for one in page.records]
            cursor = page.next_cursor
            if cursor is None:
                break
        found = await self.history.get(self.org_id, run_id, step_outputs=True)
        return Recording(run_id, records, None if found is None else end_of(*found))


@contextlib.asynccontextmanager
async def verifier(settings: Settings, org_id: str = "") -> AsyncIterator[Verifier]:
    """Yield a verifier on a system's stores. ``org_id`` is the default organisation's without one."""
    objects, database = settings.objects, Database(settings.postgres.dsn.get_secret_value(), max_connections=2)
    load_entry_points()
    register(REGISTRY)
    if settings.tools.file:
        ToolsFile(Path(settings.tools.file)).refresh()
    kms = open_kms(settings.security, settings.vault)
    dsn = settings.vault.dsn.get_secret_value() or settings.postgres.dsn.get_secret_value()
    vault = Database(dsn, max_connections=1)
    keys = None if kms is None else open_vault(kms, vault).keys
    store = sealing_objects(open_objects(objects.url, objects.directory, s3_access(objects)), keys)
    try:
        log = KafkaLog(settings.kafka.bootstrap, client_id="agentflow-replay")
        yield Verifier(
            org_id or settings.api.default_org_id,
            RunRecords(log, RunPlaces(database), settings.kafka.partitions),
            Runs(database),
            WorkerFunctions(REGISTRY, Path(settings.tools.documents_dir), store),
        )
    finally:
        await database.close()
        await vault.close()
        if kms is not None:
            await kms.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Verify runs. Exit codes: 0 all are equal, 1 one differs or is not there, 2 usage, 3 a server does not answer."""
    argv = sys.argv[1:] if argv is None else argv
    args = _parser().parse_args(argv)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(_run(args, Settings.from_env(environment(os.environ, argv))))
    except ValueError as exc:
        return _mistake(exc, EXIT_USAGE)
    except Rejected as exc:
        return _mistake(exc, EXIT_DIFFERENT)
    except AgentFlowError as exc:
        return _mistake(exc, EXIT_UNAVAILABLE)


async def _run(args: argparse.Namespace, settings: Settings) -> int:
    code = EXIT_OK
    async with verifier(settings, args.org_id) as found:
        for run_id in args.runs:
            verdict = await found.verify(run_id)
            sys.stdout.write(f"{_line(verdict)}\n")
            code = code if verdict.equal else EXIT_DIFFERENT
    return code


def _line(verdict: Verdict) -> str:
    done = ", ".join(f"{count} {part}" for part, count in sorted(verdict.again.items())) or "nothing"
    taken = "".join(f"; from the log: {count} {why}" for why, count in sorted(verdict.taken.items()))
    state = "equal" if verdict.mismatch is None else f"different: {verdict.mismatch}"
    return f"{verdict.run_id}: {state}; {verdict.records} records, done again: {done}{taken}"


def _mistake(exc: Exception, code: int) -> int:
    sys.stderr.write(f"replay: {exc}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m streams.replay",
        description="Verify recorded runs. Servers are found by the environment, as the roles find theirs, or by that "
        "of a running `make run`.",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--org-id", default="", help="the organisation; the default one without it")
    add_data_dir(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
