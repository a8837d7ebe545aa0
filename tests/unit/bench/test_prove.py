"""Areas of acceptance figures: bounds, verdicts, what is printed, and the exit codes."""

import pytest

from bench.lines import BenchError, Line
from bench.prove import __main__ as prove
from bench.prove.area import Aim, Area, aim_of_bench, area_of, at_least, at_most, between, listed, missed, printed
from bench.prove.areas import AREAS
from bench.prove.speed import Speed, SpeedMeter
from bench.targets import TARGETS, Verdict

MACHINE = "machine: fixed loop 70 ms, steal 0.0%"


def area(*values: float, judged_when_quick: bool = True, error: str = "") -> Area:
    """An area ``toy`` whose first line wants at least 5, and whose second one at most 2."""
    aims = (Aim("more", "x", at_least(5), at_least(9)), Aim("less_ms", "ms", at_most(2), at_most(1)))

    def measure(quick, progress):
        if error:
            raise BenchError(error)
        return [Line(aim.name, aim.unit, (value,)) for aim, value in zip(aims, values, strict=False)]

    return Area("toy", "for tests", aims, measure, judged_when_quick)


def run(monkeypatch, one: Area, *args: str) -> int:
    monkeypatch.setattr(prove, "AREAS", {"toy": one})
    return prove.main(["--area", "toy", *args])


@pytest.mark.parametrize(
    ("bound", "inside", "outside"),
    [
        (at_least(5), (5, 6), (4.9,)),
        (at_most(5), (5, 4), (5.1,)),
        (between(70, 130), (70, 100, 130), (69.9, 130.1)),
    ],
)
def test_bound_holds_up_to_its_ends(bound, inside, outside):
    assert all(bound.holds(value) for value in inside)
    assert not any(bound.holds(value) for value in outside)


def test_bound_is_shown_as_people_write_it():
    assert [str(at_least(0.5)), str(at_most(15_000)), str(between(70, 130)), str(between(3, 3))] == [
        ">=0.5",
        "<=15000",
        "70-130",
        "3",
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(100, Verdict.GOAL), (80, Verdict.FLOOR), (131, Verdict.MISSED), (69, Verdict.MISSED)],
)
def test_verdict_of_a_band_looks_at_both_ends(value, expected):
    assert Aim("lines", "lines", between(70, 130), between(90, 130)).verdict(value) is expected


def test_aim_without_bounds_has_no_verdict():
    assert Aim("shown", "x").verdict(3) is None


def test_every_aim_of_every_area_has_a_goal_within_its_floor():
    for one in AREAS.values():
        for aim in one.aims:
            if aim.floor and aim.goal:
                ends = [end for end in aim.goal if end is not None]
                assert all(aim.floor.holds(end) for end in ends), aim.name


def test_area_engine_has_the_floors_of_the_bench():
    for aim in AREAS["engine"].aims:
        target = TARGETS.get(aim.name)
        assert aim == aim_of_bench(aim.name, aim.unit)
        assert (aim.floor is None) == (target is None)
        if target and aim.floor:
            assert target.floor in aim.floor


def test_line_is_printed_with_aims_and_the_machine_beside_absolute_figures():
    found = [
        printed(line, aim, MACHINE, judged=True)
        for line, aim in (
            (Line("more", "x", (6,)), Aim("more", "x", at_least(5), at_least(9))),
            (Line("less_ms", "ms", (3,), "slow"), Aim("less_ms", "ms", at_most(2))),
            (Line("other", "runs", (1,)), None),
        )
    ]
    assert found == [
        "more 6 x  # floor >=5 goal >=9: floor",
        f"less_ms 3 ms  # floor <=2: missed; {MACHINE}; slow",
        "other 1 runs",
    ]


def test_missed_names_lines_below_their_floor_only():
    one = area(4, 1)
    assert missed(one, list(one.measure(False, print))) == ["more"]


def test_list_names_every_line_of_every_area(capsys):
    assert prove.main(["--list"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows == [row for one in AREAS.values() for row in listed(one)]
    assert "house imports_upward imports floor <=0 goal <=0" in rows
    assert "engine engine_over_stock_faust x floor >=15 goal >=40" in rows


def test_unknown_area_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as ended:
        prove.main(["--area", "garden"])
    assert ended.value.code == 2
    assert "there are: house, engine" in capsys.readouterr().err


def test_exit_code_is_0_when_floors_hold_and_3_when_one_is_missed(monkeypatch, capsys):
    assert run(monkeypatch, area(5, 2)) == 0
    assert run(monkeypatch, area(4, 2)) == 3
    assert "# below the floor: more" in capsys.readouterr().out


def test_exit_code_is_1_when_a_measurement_fails(monkeypatch, capsys):
    assert run(monkeypatch, area(error="no broker")) == 1
    assert "failed: no broker" in capsys.readouterr().out


def test_quick_run_of_tiny_sizes_is_not_judged(monkeypatch, capsys):
    assert run(monkeypatch, area(4, 9, judged_when_quick=False), "--quick") == 0
    assert "missed" not in capsys.readouterr().out


def test_line_that_was_left_out_is_named(monkeypatch, capsys):
    assert run(monkeypatch, area(5)) == 0
    assert "# not measured: less_ms" in capsys.readouterr().out


def test_speed_is_measured_and_shown():
    assert SpeedMeter().read().loop_ms > 0
    assert str(Speed(71.6, 0.012)) == "machine: fixed loop 72 ms, steal 1.2%"
    assert str(Speed(71.6, None)).endswith("steal unknown")


class OnePart:
    """A part with the line ``name``, or one that fails."""

    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.AIMS = (Aim(name, "x", at_least(5)),)
        self.__name__ = f"bench.prove.toy.{name}"
        self._error = error

    def measure(self, quick, progress):
        if self._error:
            raise self._error
        return [Line(self.AIMS[0].name, "x", (7.0,))]


@pytest.mark.parametrize(
    ("error", "said"), [(BenchError("no broker"), "no broker"), (TimeoutError("10 s"), "TimeoutError: 10 s")]
)
def test_part_that_fails_does_not_keep_the_others_and_fails_the_area(monkeypatch, capsys, error, said):
    parts = (OnePart("first"), OnePart("second", error), OnePart("third"))
    assert run(monkeypatch, area_of("toy", "for tests", parts, judged_when_quick=True)) == 1
    out = capsys.readouterr().out
    assert "first 7 x" in out
    assert "third 7 x" in out
    assert out.endswith(f"# not measured: second\n# toy: failed: second: {said}\n")


def test_lines_are_printed_as_soon_as_their_part_is_measured(monkeypatch, capsys):
    said_before = list[str]()

    class Later(OnePart):
        def measure(self, quick, progress):
            said_before.append(capsys.readouterr().out)
            return super().measure(quick, progress)

    parts = (OnePart("first"), Later("second"))
    assert run(monkeypatch, area_of("toy", "for tests", parts, judged_when_quick=True)) == 0
    assert "first 7 x" in said_before[0]
