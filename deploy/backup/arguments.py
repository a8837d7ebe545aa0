"""The arguments of ``python -m deploy.backup``."""

import argparse
from pathlib import Path

from schemas.configuration.running_system import add_data_dir

_PLACE = "a directory, or s3://bucket/prefix"


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    made = argparse.ArgumentParser(
        prog="python -m deploy.backup",
        description="Back up a site while it runs; restore it onto an empty one. Engines are found by the environment, "
        "as the roles find theirs, or by that of a running `make run`. See docs/how-to/backup.md.",
    )
    commands = made.add_subparsers(dest="command", required=True)
    _take_parser(commands.add_parser("take", help="take a backup; nothing is stopped"))
    for name, text in (
        ("restore", "restore onto an empty site, with all processes stopped"),
        ("verify", "restore into a temporary stack on this machine, and compare"),
    ):
        _restore_parser(commands.add_parser(name, help=text), into=name == "restore")
    listing = commands.add_parser("list", help="show the finished backups")
    listing.add_argument("place", metavar="PLACE", help=_PLACE)
    prune = commands.add_parser("prune", help="delete all but the newest, and what those build on")
    prune.add_argument("place", metavar="PLACE", help=_PLACE)
    prune.add_argument("--keep", type=_count, required=True, help="how many of the newest stay")
    settle = commands.add_parser("settle", help="give topics their declared retention, after a restore")
    add_data_dir(settle)
    return made


def _take_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", metavar="PLACE", help=_PLACE)
    parser.add_argument("--keys", metavar="PLACE", default="", help="where the keys of persons go: another place")
    parser.add_argument("--incremental", action="store_true", help="only what is new since the newest backup there")
    parser.add_argument("--every", metavar="TIME", default="", help="take one every 30m, 6h or 1d, until stopped")
    parser.add_argument(
        "--full-every", type=_count, default=7, help="with --every: each so many a full one; %(default)s"
    )
    parser.add_argument("--keep", type=int, default=0, help="then delete all but the newest so many")
    _key_file(parser)
    add_data_dir(parser)


def _restore_parser(parser: argparse.ArgumentParser, *, into: bool) -> None:
    parser.add_argument("place", metavar="PLACE", help=_PLACE)
    parser.add_argument("--id", default="", help="which backup; default: the newest that has the end")
    parser.add_argument("--until", metavar="TIME", default="", help="only what came up to 2026-11-29T19:30:00Z")
    parser.add_argument("--offsets", type=Path, metavar="FILE", help='only up to {"run-events": {"0": 1200}}')
    parser.add_argument(
        "--keys", metavar="PLACE", default="", help="where the keys of persons are: the newest are taken"
    )
    parser.add_argument("--without-keys", action="store_true", help="the vault still has them, or they are lost")
    parser.add_argument(
        "--erased", type=Path, metavar="FILE", help="erasures to repeat: organisation and pseudonym a line"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="where the report goes; default restore-ID.json")
    if into:
        parser.add_argument("--into", type=Path, metavar="DIR", help="an empty data directory of `make run`")
    _key_file(parser)
    add_data_dir(parser)


def _key_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key-file", type=Path, metavar="FILE", help="the key of sealed backups")


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("give 1 or more")
    return count
