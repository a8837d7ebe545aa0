"""Links in content that no trusted text has."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.policies.links import MAX_LINKS, TOO_MUCH, links_in, new_links


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see https://a.example/x?y=1.", ["https://a.example/x?y=1"]),
        ("![a](https://a.example/x.png) <img src='//b.example/y'>", ["https://a.example/x.png", "//b.example/y"]),
        ("go to www.a.example, or to a.com!", ["www.a.example", "a.com"]),
        ("a.example/path and sub.b.co.uk", ["a.example/path", "sub.b.co.uk"]),
        ("[x]: javascript:alert(1)", ["javascript:alert(1"]),
        ("data:text/html,abc mailto:eve@a.example", ["data:text/html,abc", "mailto:eve@a.example"]),
        ("http://10.0.0.1:80/x and 10.0.0.1/x", ["http://10.0.0.1:80/x", "10.0.0.1/x"]),
        ("ht\u200btps://a.example/x", ["https://a.example/x"]),
        ("\uff48\uff54\uff54\uff50\uff53://a.example/x", ["https://a.example/x"]),
        ("HTTPS://A.Example/X", ["HTTPS://A.Example/X"]),
        ("http://b\u00fccher.example/", ["http://b\u00fccher.example/"]),
        ("mail bob@a.com, at 3.5.2, in file.txt // end. e.g. this; 1/2", []),
    ],
)
def test_links_of_a_text(text: str, links: list[str]) -> None:
    assert links_in(text) == links


def test_a_link_is_new_unless_a_trusted_text_has_it_whole() -> None:
    trusted = ["look at https://a.example/x, and www.b.example."]
    assert new_links("https://a.example/x and www.b.example", trusted) == []
    for other in ("https://a.example/x?data=1", "https://a.example/", "http://a.example/x", "www.b.example/y"):
        assert new_links(f"see {other} now", trusted) == [other]


def test_links_in_every_text_of_a_value_are_found() -> None:
    value = {"https://k.example": [{"a": "https://a.example"}, 3, None, ("https://b.example",)]}
    assert new_links(value, []) == ["https://k.example", "https://a.example", "https://b.example"]


def test_what_is_too_much_counts_as_a_link() -> None:
    assert new_links([f"https://a.example/{at}" for at in range(MAX_LINKS + 1)], [])[-1] == TOO_MUCH
    assert new_links(["x" * 600_000] * 2, []) == [TOO_MUCH]


@given(st.text("ab ./:@-", max_size=40), st.from_regex(r"[a-z]{1,8}\.example/[a-z]{1,8}", fullmatch=True))
def test_a_link_in_any_text_is_found(before: str, path: str) -> None:
    link = f"https://{path}"
    assert any(link in one for one in links_in(f"{before} {link} ."))


@pytest.mark.parametrize(
    "text", ["a." * 100_000, "a/" * 100_000, "//" * 100_000, "a" * 300_000, "1." * 100_000, "-" * 200_000]
)
def test_a_hostile_text_takes_linear_time(text: str) -> None:
    started = time.process_time()
    links_in(text)
    assert time.process_time() - started < 5
