"""Lines of functions, tools and model calls; calls that are refused for ever, or often."""

from tests.chaos.records import Expected
from tests.chaos.scenarios.answers import as_text, is_refused
from tests.chaos.scenarios.nodes import PATIENT, ask, ask_learned, fetch, merge, split, workflow
from tests.chaos.scenarios.scenario import Case, Made, Scenario, asked, expect
from tests.support.client import document

TALK = (split("split"), ask("ask", "split.output"), merge("merge", one="split.output", two="ask.output"))
#: What a budget of the workflow ``chaos_capped`` lets through altogether: a few calls.
CAP_NANO = 100_000
LEARN = "chaos_learn"
ONCE_MORE = {"timeout_ms": 6_000, "retries": {"max_attempts": 2, "initial_ms": 100}}


def talk(case: Case, name: str, text: str) -> Expected:
    """Return what becomes of a run of the three steps of ``chaos_talk``."""
    answer, cost = asked(as_text([text]))
    whole = [text, answer]
    steps = {"split": [[text]], "ask": [answer], "merge": [whole]}
    return expect(case, name, {"merge": whole}, steps=steps, priced={"ask": cost}, paid=["ask"])


def _talk(case: Case) -> Made:
    return Made({"text": case.text}, talk(case, "chaos_talk", case.text))


def _fetch(case: Case) -> Made:
    text = document("gettysburg.txt")
    answer, cost = asked(text)
    steps = {"fetch": [text], "ask": [answer], "merge": [answer]}
    return Made({}, expect(case, "chaos_fetch", {"merge": answer}, steps=steps, priced={"ask": cost}, paid=["ask"]))


def _pure(case: Case) -> Made:
    whole = [case.text]
    steps = {"split": [whole], "first": [whole], "second": [whole]}
    return Made({"text": case.text}, expect(case, "chaos_pure", {"second": whole}, steps=steps))


def _capped(case: Case) -> Made:
    found = talk(case, "chaos_capped", case.text)
    return Made({"text": case.text}, _or_failed(found, "budget_exceeded"))


def _line(case: Case) -> Made:
    first, cost = asked(case.text)
    second, more = asked(f"{case.text}\n\n{first}")
    whole = f"{first}\n\n{second}"
    steps = {"one": [first], "both": [f"{case.text}\n\n{first}"], "two": [second], "end": [whole], "last": [whole]}
    found = expect(
        case, "chaos_line", {"last": whole}, steps=steps, priced={"one": cost, "two": more}, paid=["one", "two"]
    )
    return Made({"text": case.text}, found)


def _doomed(case: Case) -> Made:
    found = Expected(
        workflow="chaos_doomed",
        org=case.org,
        statuses=["failed"],
        codes=["provider_unavailable", "provider_timeout", "timeout", "call_settled", "unavailable"],
        attempts={"ask": 2},
    )
    return Made({"text": case.text}, found)


def _stubborn(case: Case) -> Made:
    answer, cost = asked(case.text)
    steps = {"ask": [answer]}
    attempts = {"ask": 3}
    found = expect(
        case, "chaos_stubborn", {"ask": answer}, steps=steps, priced={"ask": cost}, paid=["ask"], attempts=attempts
    )
    return Made({"text": case.text}, found)


def _learn(case: Case) -> Made:
    answer, cost = asked(case.text)
    steps = {"ask": [answer]}
    return Made(
        {"text": case.text}, expect(case, LEARN, {"ask": answer}, steps=steps, priced={"ask": cost}, paid=["ask"])
    )


def _is_refused_twice(run: str) -> bool:
    return is_refused(run, "ask", 1) and is_refused(run, "ask", 2)


def _or_failed(expected: Expected, code: str) -> Expected:
    fields = {name: getattr(expected, name) for name in expected.__struct_fields__}
    return Expected(**fields | {"statuses": ["succeeded", "failed"], "codes": [code]})


SCENARIOS = (
    Scenario(workflow("chaos_talk", *TALK), 14, _talk),
    Scenario(
        workflow(
            "chaos_fetch",
            fetch("fetch", "gettysburg.txt"),
            ask("ask", "fetch.output"),
            merge("merge", one="ask.output"),
        ),
        8,
        _fetch,
    ),
    Scenario(
        workflow("chaos_pure", split("split"), merge("first", one="split.output"), merge("second", one="first.output")),
        12,
        _pure,
    ),
    Scenario(workflow("chaos_capped", *TALK), 5, _capped),
    Scenario(
        workflow(
            "chaos_line",
            ask("one", "{{text}}"),
            merge("both", text="{{text}}", one="one.output"),
            ask("two", "both.output"),
            merge("end", one="one.output", two="two.output"),
            merge("last", end="end.output"),
        ),
        6,
        _line,
    ),
    Scenario(workflow(LEARN, ask_learned("ask", "{{text}}")), 6, _learn),
    Scenario(workflow("chaos_doomed", ask("ask", "{{text}}", ONCE_MORE)), 3, _doomed, _is_refused_twice),
    Scenario(workflow("chaos_stubborn", ask("ask", "{{text}}", PATIENT)), 3, _stubborn, _is_refused_twice),
)
