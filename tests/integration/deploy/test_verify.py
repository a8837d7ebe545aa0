"""The command on real engines: what this machine's are is noted, and refused where that is wished."""

import pytest

from deploy.commands import EXIT_OK, EXIT_REFUSED, EXIT_UNAVAILABLE, EXIT_USAGE
from deploy.verify.__main__ import main


@pytest.fixture
def site(kafka_bootstrap: str, redis_url: str, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment of this machine's engines; returns what no line may have, the login of Redis."""
    for name, value in (("KAFKA_BOOTSTRAP", kafka_bootstrap), ("REDIS_URL", redis_url), ("DATABASE_URL", postgres_dsn)):
        monkeypatch.setenv(name, value)
    return redis_url.partition("://")[2].partition("@")[0]


def test_engines_of_one_machine_are_noted_and_strictly_refused(site: str, capsys) -> None:
    assert main([]) == EXIT_OK
    said = capsys.readouterr().out
    assert "noted  plaintext: KAFKA_SECURITY_PROTOCOL, REDIS_URL" in said
    assert "nothing is refused" in said
    assert main(["--strict"]) == EXIT_REFUSED
    said = capsys.readouterr().out
    assert "refused  replication: TOPIC_REPLICATION=1" in said
    names = {line.partition("  ")[2].partition(":")[0] for line in said.splitlines() if line.startswith("refused")}
    allowed = [word for name in sorted(names) for word in ("--allow", name)]
    assert main(["--strict", *allowed]) == EXIT_OK
    assert site not in said


def test_an_engine_that_is_away_and_wrong_settings_have_codes_of_their_own(
    site: str, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:x@127.0.0.1:9/0")
    assert main([]) == EXIT_UNAVAILABLE
    assert main(["--settings-only"]) == EXIT_OK
    monkeypatch.setenv("TOPIC_PARTITIONS", "many")
    assert main([]) == EXIT_USAGE
    assert "TOPIC_PARTITIONS" in capsys.readouterr().err
