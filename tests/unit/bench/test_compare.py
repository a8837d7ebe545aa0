"""Paired comparison: ratios within pairs, what is judged by how much, repeats, and the exit codes."""

import pytest

from bench.compare import __main__ as compare
from bench.compare.paired import Pair, compared, is_worse, parse, tolerance
from bench.lines import BenchError

CPU, WALL = "cpu_ms_per_run", "runs_per_s"
UNITS = {CPU: "ms", WALL: "runs/s"}


def figures(**values: float):
    return {name: (value, UNITS.get(name, "MB")) for name, value in values.items()}


def pairs_of(name: str, *pairs: tuple[float, float]) -> list[Pair]:
    return [Pair(figures(**{name: base}), figures(**{name: here})) for base, here in pairs]


def test_parse_reads_lines_and_leaves_comments_out():
    output = "runs_per_s 512 runs/s  # 1.02x of 500; all: 500 512 520\n# summary\n#  name  value  unit\n"
    assert parse(output) == {"runs_per_s": (512.0, "runs/s")}


def test_ratio_is_the_median_of_the_pairs_not_the_ratio_of_medians():
    (line,) = compared(pairs_of(CPU, (1.0, 1.1), (2.0, 2.0), (4.0, 3.6)))
    assert line.ratio == pytest.approx(1.0)
    assert (line.base, line.here) == (2.0, 2.0)
    assert str(line) == f"{CPU} 1.000 x  # 2 -> 2 ms; all: 1.100 1.000 0.900; within 5%"


def test_line_that_one_side_lacks_is_not_compared():
    pairs = [Pair(figures(cpu_ms_per_run=1), figures(cpu_ms_per_run=1, runs_per_s=5))]
    assert [line.name for line in compared(pairs)] == [CPU]


def test_line_of_zero_is_not_compared():
    assert compared(pairs_of(CPU, (0.0, 1.0))) == []


@pytest.mark.parametrize(
    ("name", "here", "worse"),
    [
        (CPU, 1.05, False),
        (CPU, 1.06, True),
        (CPU, 0.5, False),
        (WALL, 0.85, False),
        (WALL, 0.84, True),
        (WALL, 2, False),
    ],
)
def test_cpu_may_be_worse_by_5_percent_and_wall_by_15(name, here, worse):
    (line,) = compared(pairs_of(name, (1.0, here)))
    assert is_worse(line) is worse


@pytest.mark.parametrize(
    ("name", "unit"),
    [("rss_kb_per_run", "KB"), ("cpu_ms_per_run_orchestrator", "ms"), ("generator_cpu_ms_per_run", "ms")],
)
def test_memory_parts_and_the_bench_itself_are_not_judged(name, unit):
    assert tolerance(name, unit) is None


def test_pairs_run_base_first_and_repeat_those_with_steal(tmp_path):
    steals, roots = iter([0.0, 0.06, 0.01, 0.05, 0.0, 0.0]), []

    def measure(root):
        roots.append(root)
        return figures(cpu_ms_per_run=float(len(roots))), next(steals)

    pairs = compare.measure_pairs(tmp_path, 2, 1, measure)
    assert roots == [tmp_path, compare.ROOT] * 3
    assert [pair.base[CPU][0] for pair in pairs] == [3.0, 5.0]


def test_steal_that_does_not_end_is_a_failure(tmp_path):
    with pytest.raises(BenchError, match="stole 50% again"):
        compare.measure_pairs(tmp_path, 1, 3, lambda _: (figures(cpu_ms_per_run=1), 0.5))


@pytest.mark.parametrize(("here", "quick", "code"), [(1.0, [], 0), (1.2, [], 3), (1.2, ["--quick"], 0)])
def test_exit_code_is_3_when_a_judged_line_is_worse(monkeypatch, tmp_path, capsys, here, quick, code):
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench/__main__.py").touch()
    monkeypatch.setattr(compare, "_run", lambda root, _: (figures(cpu_ms_per_run=1 if root == tmp_path else here), 0.0))
    assert compare.main(["--base", str(tmp_path), "--pairs", "2", *quick]) == code
    assert capsys.readouterr().out.startswith(f"{CPU} {here:.3f} x")


def test_bench_that_fails_in_one_checkout_gives_exit_code_1(tmp_path, capsys):
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench/__main__.py").write_text("raise SystemExit(1)\n", encoding="utf-8")
    assert compare.main(["--base", str(tmp_path), "--pairs", "1"]) == 1
    assert "ended with exit code 1" in capsys.readouterr().err


def test_base_without_a_bench_is_a_usage_error(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        compare.main(["--base", str(tmp_path)])
    assert ended.value.code == 2


def test_base_runs_its_own_code_and_leaves_no_results(tmp_path):
    (tmp_path / "bench/results").mkdir(parents=True)
    program = "from pathlib import Path\nPath('bench/results/new.json').touch()\nprint('cpu_ms_per_run 2 ms')\n"
    (tmp_path / "bench/__main__.py").write_text(program, encoding="utf-8")
    found, _ = compare._run(tmp_path, [compare.sys.executable, "-m", "bench"])
    assert found == {CPU: (2.0, "ms")}
    assert not list((tmp_path / "bench/results").iterdir())
