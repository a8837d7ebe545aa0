"""Where a call may go by the ruling on each route: its own, another one, or none."""

from collections.abc import Mapping

import pytest

from schemas.compliance.section import PREFIX
from schemas.policies.rulings import ALLOWED, Changes, Ruling
from schemas.records.security.pinned import Decision, Verdict
from services.calls.security.ways import way_of
from services.routing.router import Route

A, B, C = Route("a", "m"), Route("b", "m"), Route("c", "m")


def said(verdict: Verdict, rule: str = "r", routes: tuple[str, ...] | None = None) -> Ruling:
    one = Decision(point="model_call", rule=rule, verdict=verdict)
    return Ruling(verdict=verdict, said=verdict, decisions=(one,), changes=Changes(routes=routes))


DENIED = said("deny")
DEMANDED = said("deny", f"{PREFIX}retention.pii")


def way(rulings: Mapping[Route, Ruling], *reroute: str) -> tuple[Route, bool]:
    found = way_of(lambda route: rulings.get(route, ALLOWED), A, lambda: reroute)
    return found.route, found.is_open


def test_a_call_that_nothing_is_said_of_takes_its_route() -> None:
    assert way({}) == (A, True)


def test_a_call_that_is_denied_goes_nowhere() -> None:
    assert way({A: DENIED}, "b/m") == (A, False)


def test_a_rule_names_the_first_route_that_counts() -> None:
    assert way({A: said("route", routes=("b/m", "c/m"))}) == (B, True)
    assert way({A: said("route", routes=("c", "a"))}) == (A, True), "its own provider is among them"


def test_what_a_rule_names_is_decided_on_too() -> None:
    assert way({A: said("route", routes=("b/m",)), B: DENIED}) == (B, False)


@pytest.mark.parametrize("back", ["a/m", "c/m"])
def test_rules_that_send_a_call_round_and_round_let_it_go_nowhere(back: str) -> None:
    to_b = said("route", routes=("b/m",))
    route, is_open = way({A: to_b, B: said("route", routes=(back,)), C: to_b})
    assert not is_open, route


def test_rules_that_leave_no_route_in_common_let_it_go_nowhere() -> None:
    assert way({A: said("route", routes=())}) == (A, False)


def test_only_demands_send_a_call_to_the_first_other_route_that_meets_them() -> None:
    assert way({A: DEMANDED, B: DENIED}, "a/m", "b/m", "c/m") == (C, True)
    assert way({A: DEMANDED, B: DENIED}, "b/m") == (A, False)
