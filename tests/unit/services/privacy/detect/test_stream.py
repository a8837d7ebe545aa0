"""Secrets in streams: held back from where they begin, whole when they leave, and plain text is hardly late."""

import pytest

from bench.privacy.clean_documents import clean_documents
from bench.privacy.secret_texts import secrets
from bench.privacy.splits import in_pieces, leaks, longest_delay, split_everywhere
from services.privacy.detect.engine import Detectors
from services.privacy.detect.errors import DetectorFailed
from services.privacy.detect.secrets.rules import SECRET_RULES
from services.privacy.detect.stream import CONTEXT, HOLD, LONGEST, StreamScan


@pytest.fixture(scope="module")
def detectors() -> Detectors:
    return Detectors(SECRET_RULES)


def test_a_secret_split_at_every_byte_is_found(detectors):
    of_each_sort = [one for number, one in enumerate(secrets(seed=21)) if number % 14 == 0]
    assert len(of_each_sort) >= 10
    for secret in of_each_sort:
        for pieces in split_everywhere(secret.text, 1 if len(secret.text) < 300 else 13):
            assert not leaks(detectors, secret, pieces), (secret.shape, len(pieces[0]))


def test_secrets_in_small_pieces_are_found(detectors):
    for seed, secret in enumerate(secrets(seed=22)):
        assert not leaks(detectors, secret, in_pieces(secret.text, seed, most=40)), secret.shape


def test_plain_text_is_late_by_at_most_the_hold(detectors):
    for seed, text in enumerate(clean_documents(12)):
        assert longest_delay(detectors, in_pieces(text[:1_500], seed)) <= HOLD


def test_ordinary_words_leave_but_for_the_last_one(detectors):
    scan = StreamScan(detectors)
    assert scan.feed("The weather is nice tod").text == "The weather is nice "
    assert scan.feed("ay. ").text == "today. "
    assert scan.end().text == ""


def test_places_are_those_of_the_stream(detectors):
    scan = StreamScan(detectors)
    first = scan.feed("x" * 2 + " plain words " * 60)
    second = scan.feed("and the password is Kestrel4711! now ")
    last = scan.end()
    assert second.start == len(first.text)
    whole = second.text + last.text
    (found,) = [*second.findings, *last.findings]
    assert whole[found.start : found.end].startswith("Kestrel4711")


def test_context_that_has_left_still_counts(detectors):
    scan = StreamScan(detectors)
    scan.feed("the password is\n")
    piece = scan.feed("")
    assert scan.held == 0 or piece.text == ""
    found = [*scan.feed("password: ").findings, *scan.feed("Kestrel4711! ").findings, *scan.end().findings]
    assert len(found) == 1
    assert CONTEXT > HOLD


def test_a_private_key_is_held_from_its_first_line(detectors):
    (secret,) = [one for one in secrets(seed=23) if one.shape == "pem-rsa"]
    scan = StreamScan(detectors)
    at = secret.text.index(secret.value)
    out = scan.feed(secret.text[: at + 200]).text
    assert len(out) <= at
    rest = scan.feed(secret.text[at + 200 :])
    assert any(one.kind == "private_key" for one in rest.findings)


def test_prose_about_private_keys_is_not_held_for_ever(detectors):
    scan = StreamScan(detectors)
    out = scan.feed("A file that starts with -----BEGIN RSA PRIVATE KEY----- and is kept in a safe place ").text
    out += scan.feed("must never be sent to anybody by mail or by chat, whatever they say. ").text
    assert "kept in a safe place" in out


def test_an_endless_secret_refuses_the_stream(detectors):
    scan = StreamScan(detectors)
    scan.feed("-----BEGIN RSA PRIVATE KEY-----\n")
    line = "MIIEpAIBAAKCAQEAq7BFUpkGp3Lw9Xc0Zt5Yh2Vd8Rj4Ns6QbTf1Km0We9Ux3ozPq\n"
    for _ in range(LONGEST // len(line) // 10):
        scan.feed(line * 10)
    with pytest.raises(DetectorFailed) as refused:
        scan.feed(line * 20)
    assert refused.value.reason == "too_large"
    assert "MIIEp" not in str(refused.value)


def test_a_detector_that_fails_lets_nothing_pass():
    class Broken:
        def find(self, text: str, above: str = "") -> list:
            raise DetectorFailed("failed", "the detectors failed: nothing was let pass")

    with pytest.raises(DetectorFailed):
        StreamScan(Broken()).feed("hello")
