"""``python -m topics dlq list|show|retry``: inspects dead letters and retries them."""

import argparse
import asyncio
import os
import sys
from functools import partial

from schemas.configuration.kafka_access import reached_alike
from schemas.configuration.running_system import add_data_dir
from schemas.errors import AgentFlowError, InvalidInput, Rejected
from schemas.values.text import ascii_integer
from topics.dead_letters import text as dead_letter_text
from topics.dead_letters.letter import DeadLetter, Position, parse_position
from topics.dead_letters.log import DeadLetterLog
from topics.dead_letters.selection import LIST_LIMIT, RETRY_LIMIT, Selection, newest, still_aside

EXIT_OK, EXIT_NOT_DONE, EXIT_USAGE, EXIT_UNAVAILABLE = 0, 1, 2, 3


def _selection(args: argparse.Namespace) -> Selection:
    """Return the selection of the arguments. Raises ``InvalidInput``."""
    if args.limit < 1:
        raise InvalidInput(f"--limit {args.limit} selects nothing; give 1 or more")
    return Selection.of(args.topic, args.reason, args.since, args.limit)


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
    return await _retry(args, positions, _selection(args))


async def _list(args: argparse.Namespace) -> int:
    wanted = _selection(args)
    async with DeadLetterLog(args.bootstrap) as log:
        lines, count = await newest(log, wanted, dead_letter_text.line)
    for text in lines:
        _say(text)
    more = f"the newest {len(lines)} of {count}; --limit shows more" if count > len(lines) else str(count)
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


async def _retry(args: argparse.Namespace, positions: list[Position], wanted: Selection) -> int:
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


async def _matching(wanted: Selection, log: DeadLetterLog) -> list[Position]:
    positions, count = await still_aside(log, wanted)
    if count > len(positions):
        sys.stderr.write(f"dead letters: the oldest {len(positions)} of {count}; --limit takes more\n")
    return positions


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
    parser.add_argument("--bootstrap", default=bootstrap, type=partial(reached_alike, bootstrap))
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
