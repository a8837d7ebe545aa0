"""Mutants: operators, the sample, results that hold, the figure with its interval, and the list of equivalent ones."""

import pytest

from tests.mutation import __main__ as command
from tests.mutation import lua_operators, python_operators, sample
from tests.mutation.coverage_map import CoverageMap
from tests.mutation.equivalents import LIST, Equivalent, ListError, read, stale
from tests.mutation.figures import Share
from tests.mutation.mutant import Edit, Mutant, mutants_of
from tests.mutation.report import Outcome
from tests.mutation.results import KILLED, SURVIVED, Result, Results
from tests.mutation.tree import ROOT
from tests.mutation.warm import in_fork

PATH = "streams/core/shop.py"


def python(source: str, operator: str) -> list[str]:
    """What the mutated lines are."""
    text = source.encode()
    return [m.after for m in mutants_of(PATH, text, python_operators.edits_of(text)) if m.edit.operator == operator]


@pytest.mark.parametrize(
    ("source", "operator", "after"),
    [
        ("x = a < b", "comparison", ["x = a <= b"]),
        ("x = a is not b", "comparison", ["x = a is b"]),
        ("x = a not in b", "comparison", ["x = a in b"]),
        ("x = a and b or c", "boolean", ["x = a or b or c", "x = a and b and c"]),
        ("x = a + b", "arithmetic", ["x = a - b"]),
        ("x = not a", "not", ["x = (a)"]),
        ("x = 5", "constant", ["x = 6"]),
        ("x = True", "constant", ["x = False"]),
        ("x.y = f(z)", "statement", ["pass"]),
        ("x = f(z)", "statement", []),
        ("x, y = f(z)", "statement", []),
        ("def f():\n    return a", "return", ["return None"]),
        ("def f():\n    return 'key'", "constant", ["return 'keyX'"]),
        ("if a < b: pass", "condition", ["if not (a < b): pass"]),
        ("if a == b: pass", "condition", []),
        ("x = f(a, b)", "arguments", ["x = f(b, a)"]),
        ("x = f(a=1, b=2)", "arguments", ["x = f(a=2, b=1)"]),
        ("x = max(a, b)", "arguments", []),
        ("x = {'a': b, 'c': d}", "values", ["x = {'a': d, 'c': b}"]),
    ],
)
def test_python_operator_gives_its_edits(source, operator, after):
    assert python(source, operator) == after


@pytest.mark.parametrize(
    "source",
    ['"""A text."""', "assert a < b", "x: int | None", "log.info('x', 1 + 2)", "@d(1)\nclass C(B, k=True): pass"],
)
def test_python_operators_leave_alone_what_decides_nothing(source):
    assert python_operators.edits_of(source.encode()) == []


@pytest.mark.parametrize(
    ("source", "operator", "after"),
    [
        ("if a ~= b then", "comparison", ["if a == b then"]),
        ("if a <= b then", "comparison", ["if a < b then"]),
        ("local x = a - b", "arithmetic", ["local x = a + b"]),
        ("return 1", "constant", ["return 2"]),
        ("redis.call('DEL', KEYS[1])", "statement", ["do end"]),
        ("x = { -- open", "statement", []),
        ("-- a < b - 1", "comparison", []),
        ("x('a < 1')", "constant", []),
    ],
)
def test_lua_operator_gives_its_edits_outside_texts_and_comments(source, operator, after):
    text = source.encode()
    found = mutants_of("x.lua", text, lua_operators.edits_of(text))
    assert [m.after for m in found if m.edit.operator == operator] == after


def test_every_mutant_of_the_sample_compiles_and_differs():
    mutants = [m for path in sample.files(ROOT) for m in sample.mutants_in(ROOT, path)]
    for mutant in sample.chosen(mutants, 1, 100):
        source = (ROOT / mutant.path).read_bytes()
        assert mutant.apply(source) != source
        if mutant.path.endswith(".py"):
            compile(mutant.apply(source), mutant.path, "exec")


def test_sample_depends_on_the_seed_and_survives_an_edit_elsewhere():
    source = b"x = 1 < a\ny = 2 < b\nz = 3 < c\n"
    one = mutants_of(PATH, source, python_operators.edits_of(source))
    moved = b"import os\n" + source
    other = mutants_of(PATH, moved, python_operators.edits_of(moved))
    names = [m.name for m in sample.chosen(one, 7, 3)]
    assert names == [m.name for m in sample.chosen(reversed(other), 7, 3)]
    assert names != [m.name for m in sample.chosen(one, 8, 3)]


def test_area_that_is_not_there_has_no_files(tmp_path):
    assert sample.files(tmp_path) == []


def mutant(text: str = "x = 1") -> Mutant:
    return mutants_of(PATH, text.encode(), python_operators.edits_of(text.encode()))[0]


def test_tests_of_a_line_come_fastest_first():
    covered = CoverageMap({"slow": 2.0, "fast": 0.1}, {PATH: {1: frozenset({"slow", "fast", "failed"})}}, ())
    assert covered.tests_for(mutant(), ROOT) == ["fast", "slow"]
    assert covered.tests_for(Mutant("streams/core/other.py", mutant().edit, "", ""), ROOT) == []


def test_tests_of_a_fragment_are_those_of_each_script_that_includes_it(tmp_path):
    lua, user = "connectors/redis/lua", "connectors/redis/takes.py"
    files = {
        f"{lua}/include/room.lua": "local x = 1\n",
        f"{lua}/include/more.lua": "-- include: room.lua\n",
        f"{lua}/take.lua": "-- include: more.lua\n",
        f"{lua}/other.lua": "return 1\n",
        user: '_TAKE = script("take")\n',
        "connectors/redis/others.py": '_OTHER = script("other")\n',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    lines = {user: {1: frozenset({"takes"})}, "connectors/redis/others.py": {1: frozenset({"others"})}}
    covered = CoverageMap({"takes": 1.0, "others": 1.0}, lines, ())
    for part in ("include/room.lua", "include/more.lua", "take.lua"):
        assert covered.tests_for(Mutant(f"{lua}/{part}", mutant().edit, "", ""), tmp_path) == ["takes"]
    assert covered.tests_for(Mutant(f"{lua}/other.lua", mutant().edit, "", ""), tmp_path) == ["others"]


@pytest.fixture
def tree(tmp_path):
    for name in (PATH, "tests/unit/test_shop.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n", encoding="utf-8")
    return tmp_path


def test_results_are_read_again_and_a_torn_line_is_skipped(tree):
    Results(tree, tree, "t1").add(mutant(), KILLED, "tests/unit/test_shop.py::test_x", 1.0)
    with (tree / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"name": "abc')
    found = Results(tree, tree, "t1").get(mutant())
    assert found is not None
    assert found.is_killed


@pytest.mark.parametrize("changed", [PATH, "tests/unit/test_shop.py"])
def test_kill_holds_until_its_source_or_its_test_changes(tree, changed):
    Results(tree, tree, "t1").add(mutant(), KILLED, "tests/unit/test_shop.py::test_x", 1.0)
    assert Results(tree, tree, "t2").get(mutant()) is not None
    (tree / changed).write_text("x = 1  # other\n", encoding="utf-8")
    assert Results(tree, tree, "t2").get(mutant()) is None


def test_survivor_is_tried_again_when_anything_changed(tree):
    Results(tree, tree, "t1").add(mutant(), SURVIVED, "", 1.0)
    assert Results(tree, tree, "t1").get(mutant()) is not None
    assert Results(tree, tree, "t2").get(mutant()) is None


def test_interval_is_wilsons():
    assert Share(90, 100).interval() == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert Share(0, 0).interval() == (0.0, 1.0)
    assert Share(390, 400).line().startswith("killed_share 0.975 x  # 390 of 400, 95% interval 0.955 to 0.986")


def outcome(killed: int, lived: int, untried: int = 0, **more) -> Outcome:
    mutants = [
        Mutant(PATH, Edit("constant", 0, 0, b"", (1, 1), ""), str(n), "") for n in range(killed + lived + untried)
    ]
    results = {}
    for place, one in enumerate(mutants[: killed + lived]):
        state = KILLED if place < killed else SURVIVED
        results[one.name] = Result(one.name, one.path, state, "", "", "", 0.0)
    return Outcome(mutants, results, **more)


@pytest.mark.parametrize(
    ("killed", "lived", "untried", "code"), [(9, 1, 0, 0), (89, 11, 0, 3), (9, 1, 5, 1), (1, 1, 5, 3), (0, 0, 1, 1)]
)
def test_exit_code_is_3_below_the_floor_and_1_when_mutants_are_left(killed, lived, untried, code):
    assert outcome(killed, lived, untried).exit_code() == code


def test_listed_survivor_counts_neither_way_but_a_stale_entry_is_an_error():
    plain = outcome(9, 2)
    entry = Equivalent(plain.survivors()[0].name, PATH, "", "the same")
    assert outcome(9, 2, equivalent=[entry]).share() == Share(9, 10)
    assert outcome(9, 2, equivalent=[entry]).exit_code() == 0
    assert outcome(9, 2, equivalent=[entry], stale=[entry]).exit_code() == 1


def listed(folder, before: str, reason: str = "no one sees it"):
    path = folder / "equivalent.toml"
    path.write_text(
        f'[[equivalent]]\npath = "{PATH}"\nscope = ""\noperator = "constant"\nbefore = "{before}"\n'
        f'after = "x = 2"\nreason = "{reason}"\n',
        encoding="utf-8",
    )
    return read(path)


def test_entry_is_stale_when_its_line_has_changed(tmp_path):
    assert stale(listed(tmp_path, "x = 1"), lambda _: [mutant()]) == []
    assert len(stale(listed(tmp_path, "x = 0"), lambda _: [mutant()])) == 1


def test_entry_without_a_reason_is_refused(tmp_path):
    with pytest.raises(ListError, match="an empty reason"):
        listed(tmp_path, "x = 1", reason=" ")


def test_the_list_itself_can_be_read_and_is_not_stale():
    assert stale(read(LIST), lambda path: sample.mutants_in(ROOT, path)) == []


def test_fork_that_hangs_is_a_timeout_and_one_that_dies_is_noticed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the fork's output goes to a file there

    def hang(tell):
        tell("test_x")
        while True:
            pass

    assert in_fork(hang, 0.5) == {"outcome": "timeout", "by": "test_x"}
    assert in_fork(lambda _: 1 / 0, 10)["outcome"] == "died"
    assert in_fork(lambda _: {"outcome": "survived", "by": ""}, 10)["outcome"] == "survived"


def test_list_prints_the_sample_and_tries_none(capsys):
    assert command.main(["--list", "--count", "3"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
