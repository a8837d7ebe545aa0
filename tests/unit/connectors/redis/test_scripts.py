"""The Lua scripts: how they are loaded, and what the lint of them finds."""

from pathlib import Path

import pytest

from connectors.redis import scripts
from connectors.redis.scripts import FOLDER, script
from tests.support.lua_lint import fragment_problems, problems_of, script_problems

HEAD = "-- Reads.\n-- KEYS[1] key\n-- ARGV[1] name\n-- ARGV[2..] more names\n-- Answers a value.\n"


def problems(code: str, head: str = HEAD) -> list[str]:
    return script_problems(head + code, code)


def test_scripts_of_the_application_have_no_problems() -> None:
    assert problems_of() == []


def test_every_lua_text_of_the_application_is_in_a_lua_file() -> None:
    sources = [path for path in FOLDER.parents[1].rglob("*.py") if "redis.call(" in path.read_text("utf-8")]
    assert sources == []


def test_include_is_replaced_by_the_fragment_and_comments_are_not_sent() -> None:
    text = script("hold_reassert")
    assert text.count("local function put_hold(prefix, hold)") == 1
    assert "--" not in text


def test_script_that_is_missing_is_refused() -> None:
    with pytest.raises(FileNotFoundError):
        script("absent")


def test_fragment_that_is_missing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.lua").write_text("-- include: absent.lua\nreturn 1\n")
    monkeypatch.setattr(scripts, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError):
        script("one")


@pytest.mark.parametrize(
    "code",
    [
        "return redis.call('HGET', KEYS[1], ARGV[1])",
        "local out = {} for i = 2, #ARGV do out[#out + 1] = cjson.decode(ARGV[i]).name end return out",
        "local function f(a, ...) return a, unpack({...}) end return f(KEYS[1], ARGV[1])",
        "local t = {name = 1, [ARGV[1]] = 2} for k, v in pairs(t) do t[k] = v:len() end return t.name",
        "repeat local done = redis.call('GET', KEYS[1]) until done",
        "local KEYS = {1} return KEYS[7]",
    ],
)
def test_script_with_a_full_head_has_no_problems(code: str) -> None:
    assert problems(code) == []


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("return (", "does not parse"),
        ("count = 1", "assigns the global variable count"),
        ("function count() return 1 end", "assigns the global variable count"),
        ("redis.mine = 1", "assigns the global variable redis"),
        ("do local a = 1 end return a", "reads the global variable a"),
        ("for i = 1, 2 do end return i", "reads the global variable i"),
        ("for _, v in ipairs({}) do end return v", "reads the global variable v"),
        ("local a = a return a", "reads the global variable a"),
        ("local f = function(a) return b end return f(1)", "reads the global variable b"),
        ("return os.time()", "reads the global variable os"),
        ("return KEYS[2]", "the head does not describe KEYS[2]"),
        ("for i = 1, 2 do redis.call('GET', KEYS[i]) end", "KEYS is used with a computed index"),
        ("return #KEYS", "KEYS is used with a computed index"),
    ],
)
def test_violation_in_the_code_is_found(code: str, problem: str) -> None:
    assert any(found.startswith(problem) for found in problems(code)), problems(code)


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("-- Reads.\n-- ARGV[1] name\n-- Answers nothing.\n", "the head describes no KEYS"),
        ("-- Reads.\n-- KEYS[1] key\n-- Answers nothing.\n", "the head describes no ARGV"),
        ("-- KEYS[1] key\n-- ARGV[1]\n-- Answers nothing.\n", "the head describes no ARGV"),
        ("-- KEYS[1] key\n-- ARGV[1] name\n", "the head does not say what the script answers"),
        ("-- KEYS[2] key\n-- ARGV[1] name\n-- Answers 1.\n", "the head does not describe KEYS one after the other"),
        ("-- KEYS[1] key\n-- ARGV[1..3] a\n-- ARGV[3] b\n-- Answers 1.\n", "the head does not describe ARGV one after"),
        ("local a = 1\n" + HEAD, "the head describes no KEYS"),
    ],
)
def test_violation_in_the_head_is_found(head: str, problem: str) -> None:
    found = problems("return 1", head)
    assert any(one.startswith(problem) for one in found), found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("local function f() return 1 end", "the fragment has no head comment"),
        ("-- Reads.\nlocal function f() return KEYS[1] end", "KEYS in a fragment"),
        ("-- Reads.\nlocal function f(n) return ARGV[n] end", "ARGV in a fragment"),
        ("-- Reads.\nfunction f() return 1 end", "assigns the global variable f"),
    ],
)
def test_violation_in_a_fragment_is_found(text: str, problem: str) -> None:
    assert any(found.startswith(problem) for found in fragment_problems(text))
