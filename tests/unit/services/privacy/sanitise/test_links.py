"""Links in every form: found, judged, removed."""

import pytest

from bench.privacy.exfiltrations import EXFILTRATIONS, Exfiltration, passes
from services.privacy.sanitise.canonical import layers
from services.privacy.sanitise.links import REMOVED, Carried, links, without_links


@pytest.mark.parametrize("form", EXFILTRATIONS, ids=lambda form: form.name)
def test_no_form_of_a_link_that_carries_data_passes(form: Exfiltration) -> None:
    assert any(link.carries_data or link.scheme in {"javascript", "data"} for link in links(form.text))
    assert not any(passes(layer.text) for layer in layers(without_links(form.text)))


def test_allowed_hosts_keep_their_links() -> None:
    text = "![a](https://cdn.example.com/a.png?data=abcdefgh) and https://evil.example/a and //sub.ok.example/x"
    assert without_links(text, ["cdn.example.com", "*.ok.example"]) == (
        f"![a](https://cdn.example.com/a.png?data=abcdefgh) and {REMOVED} and //sub.ok.example/x"
    )


def test_a_user_name_is_no_allowed_host() -> None:
    assert "evil" not in without_links("https://ok.example@evil.example/", ["ok.example"])


@pytest.mark.parametrize(
    ("text", "host", "form"),
    [
        ("see http://good.example/a_(b)_c).", "good.example", "plain"),
        ("![x](//h.example/a)", "h.example", "image"),
        ("![x][r]\n[r]: https://h.example/a", "h.example", "reference image"),
        ("<https://h.example/|label>", "h.example", "angle"),
        ("<img src='https&#58;//h.example/'>", "h.example", "html img"),
        ("https://0x7f.1/", "127.0.0.1", "plain"),
        ("https://017700000001/", "127.0.0.1", "plain"),
        ("mailto:a@h.example?body=x", "h.example", "plain"),
    ],
)
def test_a_link_has_its_host_and_form(text: str, host: str, form: str) -> None:
    found = links(text)[0]
    assert (found.host, found.form) == (host, form)


@pytest.mark.parametrize(
    "text", ["std::vector<int> a;", "either/or, and e.g. this", "a // comment", "12:30", "C:\\Users\\a"]
)
def test_other_texts_have_no_links(text: str) -> None:
    assert links(text) == []


@pytest.mark.parametrize(
    ("url", "carried"),
    [
        ("https://h.example/a.png?w=100&h=200", Carried.NOTHING),
        ("https://h.example/a.png?k=4111111111111111", Carried.PLAIN),
        ("https://h.example/?q=c2VjcmV0IHBsYW4gb2YgTWF5", Carried.PLAIN),
        ("https://h.example/{{conversation}}", Carried.PLAIN),
        ("https://h.example/users/{id}", Carried.NOTHING),
        ("https://h.example/?zz=my+plans+for+May", Carried.OPAQUE),
    ],
)
def test_what_a_url_carries(url: str, carried: Carried) -> None:
    assert links(url)[0].carried is carried


def test_the_span_is_that_of_the_url() -> None:
    text = "a [b](https://h.example/x) c"
    link = links(text)[0]
    assert text[link.start : link.end] == "https://h.example/x"
