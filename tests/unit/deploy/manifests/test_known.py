"""Variables that a container may get."""

import pytest

from deploy.manifests.known import known, unknown


@pytest.mark.parametrize("name", ["KAFKA_BOOTSTRAP", "DB_HOST", "DB_PASSWORD_FILE", "API_KEY_FILE", "TMPDIR"])
def test_settings_their_parts_and_their_files_are_known(name: str) -> None:
    assert name in known()


@pytest.mark.parametrize("name", ["KAFKA_BOTSTRAP", "TOPIC_PARTITIONS_FILE", "DB_HOST_FILE"])
def test_misspelt_names_and_files_of_what_is_no_secret_are_not(name: str) -> None:
    assert unknown([name, "API_PORT"]) == [name]
