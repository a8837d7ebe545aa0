"""Providers' own accounts of what calls cost, read from their exports.

==========  ===========================================================================================================
format      what is read
==========  ===========================================================================================================
openai      JSON of ``GET /v1/organization/costs`` (``amount.value`` in dollars, a model at the start of ``line_item``),
            or of ``GET /v1/organization/usage/completions``, whose tokens are priced by us
anthropic   JSON of ``GET /v1/organizations/cost_report`` (``amount`` is a decimal text in cents)
csv         a header and a line a charge: a date, an amount in dollars, and a model where there is one
==========  ===========================================================================================================

Whatever cannot be read is refused with its place: a line of a CSV file, a path in JSON.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, DecimalException
from typing import Any, Literal, NamedTuple

from schemas.errors import InvalidInput, Problem, Undecodable
from schemas.money import NANO_PER_CENT, NANO_PER_DOLLAR
from schemas.records.base import Usage
from schemas.values.json_text import read_json

Format = Literal["openai", "anthropic", "csv"]

#: Problems that are reported of one file.
MOST_PROBLEMS = 100
MOST_CHARGES = 100_000
#: Columns of CSV files by what they are, in the order in which they are taken.
_DATES = (
    "date",
    "day",
    "usage_date",
    "usage_date_utc",
    "start_time_iso",
    "starting_at",
    "start_time",
    "chargeperiodstart",
)
_AMOUNTS = ("amount", "amount_usd", "cost", "cost_usd", "cost_in_usd", "amount_value", "billedcost")
_MODELS = ("model", "model_version", "line_item", "sku", "skuid", "servicename")
_CURRENCIES = ("currency", "amount_currency", "billingcurrency")
_MOST_USD = Decimal(1_000_000_000)
_MOST_DIGITS = 15
#: OpenAI's counts of usage by our kinds; the first tells an export of usage.
_INPUT = "input_tokens"
_USAGE = {
    _INPUT: "input_tokens",
    "output_tokens": "output_tokens",
    "input_cached_tokens": "cache_read_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "output_audio_tokens": "output_audio_tokens",
}


class Used(NamedTuple):
    """What an export says was used where it has no amounts, and how it was served."""

    usage: Usage
    requests: int
    served: tuple[tuple[str, str], ...] = ()


class Charge(NamedTuple):
    """A provider's charge for a day of its own zone. ``amount`` is nano-dollars, and may have a fraction.

    An export of usage has no amounts: then what was ``used`` is to be priced.
    """

    day: date
    model: str
    amount: Decimal
    used: Used | None = None


class _FaultError(ValueError):
    """A value that cannot be read: the message says which and how to correct it."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.fix = fix


def read_export(body: bytes, given: Format | None = None) -> list[Charge]:
    """Return the charges of a file. Without a format it is found out. Raises ``InvalidInput`` that names the places."""
    text = _text(body)
    if given == "csv" or (given is None and text.lstrip()[:1] not in ("{", "[")):
        return _collected(_csv_charges(text))
    try:
        document = read_json(body)
    except Undecodable as exc:
        raise _refused([Problem("body", f"is not JSON: {exc}", "send the export as it is")]) from exc
    return _collected(_json_charges(document, given))


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = body[: exc.start].count(b"\n") + 1
        raise _refused([Problem(f"line {line}", "is not UTF-8", "save the file as UTF-8")]) from exc


def _collected(found: Iterator[Charge | Problem]) -> list[Charge]:
    charges: list[Charge] = []
    problems: list[Problem] = []
    for one in found:
        if isinstance(one, Problem):
            problems.append(one)
        else:
            charges.append(one)
        if len(problems) >= MOST_PROBLEMS:
            break
        if len(charges) > MOST_CHARGES:
            raise _refused([Problem("body", f"has over {MOST_CHARGES} charges", "send a shorter time at once")])
    if problems:
        raise _refused(problems)
    if not charges:
        raise _refused([Problem("body", "has no charge", "send an export with at least one line")])
    return charges


def _refused(problems: list[Problem]) -> InvalidInput:
    return InvalidInput.of(*problems, shown=3)


def _csv_charges(text: str) -> Iterator[Charge | Problem]:
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        header = [name.strip().lower().replace(" ", "_") for name in next(reader, [])]
        columns = {
            what: next((header.index(name) for name in names if name in header), None)
            for what, names in (("date", _DATES), ("amount", _AMOUNTS), ("model", _MODELS), ("currency", _CURRENCIES))
        }
        if columns["amount"] is None and columns["date"] is not None and _INPUT in header:
            for row in reader:
                if row:
                    cells: dict[str, Any] = dict(zip(header, row, strict=False))
                    yield _usage(f"line {reader.line_num}", cells.get(header[columns["date"]]), cells)
            return
        missing = [what for what in ("date", "amount") if columns[what] is None]
        if missing:
            named = {"date": _DATES, "amount": _AMOUNTS}
            for what in missing:
                fix = f"name one {', '.join(named[what])}"
                yield Problem("line 1", f"has no column of the {what}", fix)
            return
        for row in reader:
            if row:
                yield _csv_charge(row, columns, f"line {reader.line_num}")
    except csv.Error as exc:
        yield Problem(f"line {reader.line_num}", f"is not CSV: {exc}", "quote cells that have commas or quotes")


def _csv_charge(row: list[str], columns: Mapping[str, int | None], place: str) -> Charge | Problem:
    def cell(what: str) -> str:
        at = columns[what]
        return row[at].strip() if at is not None and at < len(row) else ""

    return _charge(
        place,
        day=lambda: _day(cell("date")),
        model=cell("model"),
        amount=lambda: _amount(cell("amount"), NANO_PER_DOLLAR),
        currency=cell("currency"),
    )


def _json_charges(document: Any, given: Format | None) -> Iterator[Charge | Problem]:
    buckets = document.get("data") if isinstance(document, dict) else document
    if not isinstance(buckets, list):
        yield Problem("data", "is not a list of buckets", "send the answer of the provider's cost API as it is")
        return
    for at, bucket in enumerate(buckets):
        results = bucket.get("results") if isinstance(bucket, dict) else None
        if not isinstance(results, list):
            yield Problem(f"data[{at}].results", "is not a list", "send the provider's answer as it is")
            continue
        is_anthropic = given == "anthropic" or (given is None and "starting_at" in bucket)
        for number, result in enumerate(results):
            place = f"data[{at}].results[{number}]"
            if not isinstance(result, dict):
                yield Problem(place, "is not an object", "send the provider's answer as it is")
            else:
                yield (_anthropic if is_anthropic else _openai)(place, bucket, result)


def _openai(place: str, bucket: dict[str, Any], result: dict[str, Any]) -> Charge | Problem:
    amount = result.get("amount")
    if amount is None and _INPUT in result:
        return _usage(place, bucket.get("start_time"), result)
    money: dict[str, Any] = amount if isinstance(amount, dict) else {}
    return _charge(
        place,
        day=lambda: _day(bucket.get("start_time")),
        model=result.get("model") or result.get("line_item"),
        amount=lambda: _amount(money.get("value"), NANO_PER_DOLLAR),
        currency=money.get("currency"),
    )


def _anthropic(place: str, bucket: dict[str, Any], result: dict[str, Any]) -> Charge | Problem:
    return _charge(
        place,
        day=lambda: _day(bucket.get("starting_at")),
        model=result.get("model") or result.get("description"),
        amount=lambda: _amount(result.get("amount"), NANO_PER_CENT),
        currency=result.get("currency"),
    )


def _usage(place: str, start: object, result: Mapping[str, Any]) -> Charge | Problem:
    """Return what a result of OpenAI's usage of completions says."""
    try:
        counts = {kind: _count(result.get(name), name) for name, kind in _USAGE.items()}
        is_batch = str(result.get("batch") or "").lower() == "true"
        tier = result.get("service_tier")
        served = (("processing", "batch"),) if is_batch else (("service_tier", str(tier)),) if tier else ()
        used = Used(Usage(**counts), _count(result.get("num_model_requests"), "num_model_requests"), served)
        return Charge(_day(start), _model(result.get("model")), Decimal(0), used)
    except _FaultError as exc:
        return Problem(place, str(exc), exc.fix)


def _count(given: object, name: str) -> int:
    text = str(given).strip() if given not in (None, "") and not isinstance(given, bool) else "0"
    if not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        raise _FaultError(f"{name} {given!r} is no count", "write a whole number")
    return int(text)


def _charge(
    place: str, *, day: Callable[[], date], model: object, amount: Callable[[], Decimal], currency: object
) -> Charge | Problem:
    if currency and str(currency).lower() != "usd":
        return Problem(place, f"is in {currency}", "send an export in US dollars")
    try:
        return Charge(day(), _model(model), amount())
    except _FaultError as exc:
        return Problem(place, str(exc), exc.fix)


def _model(given: object) -> str:
    """Return the model at the start of a line item such as ``gpt-4o-2024-08-06, cached input``."""
    return given.partition(",")[0].strip() if isinstance(given, str) else ""


def _amount(given: object, unit: int) -> Decimal:
    text = str(given).strip().removeprefix("$") if isinstance(given, str | int | float | Decimal) else ""
    try:
        found = Decimal(text) * unit
    except DecimalException:
        found = Decimal("NaN")
    if isinstance(given, bool) or not found.is_finite() or abs(found) > _MOST_USD * unit:
        raise _FaultError(f"the amount {given!r} is no number", "write it as 12.34")
    return found


def _day(given: object) -> date:
    """Return the day of a date, of a time with its zone, or of seconds since the epoch."""
    try:
        if isinstance(given, int) and not isinstance(given, bool):
            return datetime.fromtimestamp(given, UTC).date()
        text = str(given).strip() if isinstance(given, str) else ""
        if text.isascii() and text.isdigit() and len(text) > 8:
            return datetime.fromtimestamp(int(text), UTC).date()
        if len(text) <= 10:
            return date.fromisoformat(text)
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC).date() if at.tzinfo is not None else at.date()
    except (ValueError, OverflowError, OSError) as exc:
        raise _FaultError(f"the date {given!r} is none", "write it as 2026-11-28") from exc
