"""Which servers a URL names, and how they are logged in to."""

import pytest

from connectors.redis.pipelined.address import Address, read_place


def test_one_server() -> None:
    place = read_place("redis://user:p%40ss@cache:7000/3")
    assert place.kind == "single"
    assert place.seeds == (Address("cache", 7000, user="user", password="p@ss", database=3),)


def test_the_nodes_of_a_cluster_share_a_login() -> None:
    place = read_place("redis+cluster://:secret@a,b:7001,[::1]:7002")
    assert place.kind == "cluster"
    assert [(one.host, one.port, one.password) for one in place.seeds] == [
        ("a", 6379, "secret"),
        ("b", 7001, "secret"),
        ("::1", 7002, "secret"),
    ]


def test_sentinels_have_a_login_of_their_own() -> None:
    place = read_place("redis+sentinel://u:p@a,b:7001/2?master=main&sentinel_password=s")
    assert (place.kind, place.master) == ("sentinel", "main")
    assert [(one.host, one.port, one.user, one.password, one.database) for one in place.seeds] == [
        ("a", 26379, "", "s", 0),
        ("b", 7001, "", "s", 0),
    ]
    login = place.master_login
    assert (login.user, login.password, login.database, login.tls) == ("u", "p", 2, None)


@pytest.mark.parametrize("scheme", ["rediss+cluster", "rediss+sentinel"])
def test_tls_is_that_of_every_server(scheme: str) -> None:
    place = read_place(f"{scheme}://a,b/0?master=m&ssl_cert_reqs=none")
    assert all(one.tls is not None for one in place.seeds)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://:topsecret@a:1,b:2/0", "redis:// has one host; write redis[+]cluster:// or redis[+]sentinel://"),
        ("redis+cluster://:topsecret@a:1,b:2/4", "a cluster of Redis has no databases"),
        ("redis+sentinel://:topsecret@a:1/0", r"names no master; add \?master=NAME"),
        ("redis+ring://:topsecret@a:1/0", "redis[+]ring:// is no kind of Redis"),
        ("redis+cluster://:topsecret@", "names no host"),
    ],
)
def test_a_wrong_url_says_the_fix_and_no_secret(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        read_place(url)
    assert "topsecret" not in str(caught.value)
