"""Fakes have the shape of what they stand for."""

from services.privacy.redact.fakes import fake_of


def is_right(number: str) -> bool:
    digits = [int(one) for one in number if one.isdigit()]
    doubled = [one * 2 - 9 * (one > 4) if at % 2 else one for at, one in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def test_a_fake_keeps_the_shape() -> None:
    fake = fake_of("phone", "+49 (0)171 Ab-7", b"seed")
    assert fake.startswith("+")
    assert fake[3:5] == " ("
    assert len(fake) == len("+49 (0)171 Ab-7")
    assert [one.isdigit() for one in fake] == [one.isdigit() for one in "+49 (0)171 Ab-7"]
    assert fake[11].isupper()
    assert fake[12].islower()


def test_a_card_has_a_right_check_digit() -> None:
    for seed in range(50):
        fake = fake_of("card", "4111 1111 1111 1111", bytes([seed]))
        assert is_right(fake)
        assert fake != "4111 1111 1111 1111"
    assert fake_of("card", "none", b"x")


def test_the_same_seed_gives_the_same() -> None:
    assert fake_of("email", "ann@acme.org", b"a" * 32) == fake_of("email", "ann@acme.org", b"a" * 32)
    assert fake_of("email", "ann@acme.org", b"a" * 32) != fake_of("email", "ann@acme.org", b"b" * 32)
