"""``python -m topics dlq list|show|retry``: inspects dead letters and retries them."""

import argparse
import asyncio
import heapq
import os
import re
import sys
from dataclasses import dataclass

from schemas.clock import now_ms
from schemas.errors import AgentFlowError, InvalidInput, Rejected
from schemas.running_system import add_data_dir
from schemas.values.text import ascii_integer
from topics.dead_letters import text as dead_letter_text
from topics.dead_letters.letter import DeadLetter, Position, Source, parse_position, source_of
from topics.dead_letters.log import DeadLetterLog

EXIT_OK, EXIT_NOT_DONE, EXIT_USAGE, EXIT_UNAVAILABLE = 0, 1, 2, 3

LIST_LIMIT = 100
RETRY_LIMIT = 1_000

_AGE = re.compile(r"([0-9]{1,9})([smhd])")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True)
class _Filter:
    """The selection of dead letters."""

    source: Source | None
    reason: str | None
    since_ms: int | None
    limit: int

    @classmethod
    def of(cls, args: argparse.Namespace) -> "_Filter":
        """Return the selection of the arguments. Raises ``InvalidInput``."""
        if args.limit < 1:
            raise InvalidInput(f"--limit {args.limit} selects nothing; give 1 or more")
        source = source_of(args.topic) if args.topic else None
        return cls(source, args.reason, _since_ms(args.since), args.limit)


def _since_ms(age: str | None) -> int | None:
    if age is None:
        return None
    found = _AGE.fullmatch(age)
    if found is None:
        raise InvalidInput(f"--since {age!r} is not an age; write a number and s, m, h or d, for example 90m")
    return max(0, now_ms() - int(found[1]) * _UNIT_MS[found[2]])


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", bootstrap: str) -> None:
    """Add the command ``dlq`` to those of ``python -m topics``; ``bootstrap`` is used where none is given."""
    text = "list, show and retry dead letters"
    actions = commands.add_parser("dlq", help=text, description=text).add_subparsers(dest="action", required=True)

    shown = _action(actions, bootstrap, "list", "one line for each dead letter, the newest last")
    _add_filters(shown, LIST_LIMIT)

    show = _action(actions, bootstrap, "show", "all headers and the value of one dead letter")
    show.add_argument("positions", nargs=1, metavar="topic/partition@offset")
    show.add_argument("--raw", action="store_true", help="write only the value, byte for byte")

    retry = _action(
        actions, bootstrap, "retry", "append dead letters to the topics where they were, to be read once more"
    )
    retry.add_argument("positions", nargs="*", metavar="topic/partition@offset")
    retry.add_argument("--dry-run", action="store_true", help="only print the result of a retry")
    _add_filters(retry, RETRY_LIMIT)


def run(args: argparse.Namespace) -> int:
    """Run the command. Exit codes: 0 done, 1 not found or refused, 2 usage, 3 no broker."""
    try:
        return asyncio.run(_run(args))
    except InvalidInput as exc:
        return _mistake(args, exc, EXIT_USAGE)
    except Rejected as exc:
        return _mistake(args, exc, EXIT_NOT_DONE)
    except AgentFlowError as exc:
        return _mistake(args, exc, EXIT_UNAVAILABLE)
    except BrokenPipeError:
        # The reader, `head` perhaps, has closed the pipe. Python would report it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_NOT_DONE if args.action == "retry" else EXIT_OK


async def _run(args: argparse.Namespace) -> int:
    if args.action == "list":
        return await _list(args)
    positions = [parse_position(text) for text in dict.fromkeys(args.positions)]
    if args.action == "show":
        return await _show(args, positions[0])
    _check_retry(args)
    return await _retry(args, positions, _Filter.of(args))


async def _list(args: argparse.Namespace) -> int:
    wanted = _Filter.of(args)
    newest: list[tuple[int, Position, str]] = []
    count = 0
    async with DeadLetterLog(args.bootstrap) as log:
        async for letter in log.scan(wanted.source, wanted.since_ms):
            if wanted.reason not in (None, letter.reason):
                continue
            count += 1
            push = heapq.heappush if len(newest) < wanted.limit else heapq.heappushpop
            push(newest, (letter.at_ms, letter.position, dead_letter_text.line(letter)))
    for _, _, text in sorted(newest):
        _say(text)
    more = f"the newest {len(newest)} of {count}; --limit shows more" if count > len(newest) else str(count)
    sys.stderr.write(f"dead letters: {more}\n")
    return EXIT_OK


async def _show(args: argparse.Namespace, position: Position) -> int:
    async with DeadLetterLog(args.bootstrap) as log:
        letter = await log.get(position)
    if args.raw:
        sys.stdout.buffer.write(letter.value or b"")
    else:
        _say(dead_letter_text.page(letter))
    sys.stdout.flush()
    return EXIT_OK


async def _retry(args: argparse.Namespace, positions: list[Position], wanted: _Filter) -> int:
    refused = done = 0
    async with DeadLetterLog(args.bootstrap) as log:
        if positions:
            # All are looked up before the first is sent, so that a typing error sends nothing.
            for position in positions:
                await log.destination(await log.get(position))
        else:
            positions = await _matching(wanted, log)
        async for letter in log.get_all(positions):
            try:
                _say(await _retry_one(args, log, letter))
                done += 1
            except Rejected as exc:
                _mistake(args, exc, EXIT_NOT_DONE)
                refused += 1
    _say(f"{done} {'would be ' if args.dry_run else ''}retried" + (f", {refused} refused" if refused else ""))
    return EXIT_NOT_DONE if refused else EXIT_OK


async def _retry_one(args: argparse.Namespace, log: DeadLetterLog, letter: DeadLetter) -> str:
    if args.dry_run:
        topic, partition = await log.destination(letter)
        return f"{letter.position} would go to {topic}/{partition}, retry {letter.retries + 1}"
    return f"{letter.position} went to {await log.retry(letter)}, retry {letter.retries + 1}"


async def _matching(wanted: _Filter, log: DeadLetterLog) -> list[Position]:
    """Return the positions of a topic's letters with a reason.

    A record that was retried and dead-lettered again has several letters; only its newest one counts.
    """
    found: dict[bytes, tuple[int, Position, str]] = {}
    async for letter in log.scan(wanted.source, wanted.since_ms):
        found[letter.digest()] = (letter.at_ms, letter.position, letter.reason)
    matching = sorted((at_ms, position) for at_ms, position, reason in found.values() if reason == wanted.reason)
    if len(matching) > wanted.limit:
        sys.stderr.write(f"dead letters: the oldest {wanted.limit} of {len(matching)}; --limit takes more\n")
    return [position for _, position in matching[: wanted.limit]]


def _check_retry(args: argparse.Namespace) -> None:
    filters = (args.topic, args.reason, args.since)
    if args.positions and any(filters):
        raise InvalidInput("give positions, or --topic with --reason, not both")
    if not args.positions and not (args.topic and args.reason):
        raise InvalidInput(
            "select letters: positions as `python -m topics dlq list` prints them, or --topic with --reason"
        )


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", bootstrap: str, name: str, text: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, description=text)
    add_data_dir(parser)
    parser.add_argument("--bootstrap", default=bootstrap)
    return parser


def _add_filters(parser: argparse.ArgumentParser, limit: int) -> None:
    parser.add_argument("--topic", help="the original topic, or a dead-letter topic")
    parser.add_argument("--reason", help="the short code, as `list` shows it")
    parser.add_argument("--since", metavar="AGE", help="dead-lettered within this time: 90m, 1h, 2d")
    parser.add_argument("--limit", type=_integer, default=limit, metavar="N", help=f"default {limit}")


def _integer(text: str) -> int:
    try:
        return int(str(ascii_integer(text)))
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def _mistake(args: argparse.Namespace, exc: AgentFlowError, code: int) -> int:
    said = dead_letter_text.escaped(str(exc))
    sys.stderr.write(f"topics dlq {args.action}: {said}\n")
    return code


def _say(text: str) -> None:
    # Flushed at once: the outcome of a retry must be visible even if it is interrupted.
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
