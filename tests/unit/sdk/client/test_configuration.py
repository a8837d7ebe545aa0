"""Where the client finds the API and its key."""

import pytest
from agentflow.client.configuration import configuration
from agentflow.errors import NotConfigured


def local_system(folder, port="8091"):
    data = folder / ".agentflow"
    data.mkdir()
    (data / "api-key").write_text("af_local\n")
    (data / "env").write_text(f"API_HOST=127.0.0.1\nAPI_PORT={port}\nAPI_KEY_FILE='{data / 'api-key'}'\n")


def test_arguments_win_over_the_environment(tmp_path):
    env = {
        "AGENTFLOW_ENDPOINT": "http://env",
        "AGENTFLOW_TOKEN": "t",
        "AGENTFLOW_ORG_ID": "o",
        "AGENTFLOW_PROJECT": "p",
    }
    found = configuration("http://given/", "mine", None, None, env=env, here=tmp_path)
    assert (found.base_url, found.token, found.org_id, found.project) == ("http://given", "mine", "o", "p")
    assert "mine" not in repr(found)


def test_the_nearest_local_system_is_the_last_resort(tmp_path):
    local_system(tmp_path)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    found = configuration(None, None, None, None, env={}, here=below)
    assert (found.base_url, found.token, found.org_id) == ("http://127.0.0.1:8091", "af_local", None)


def test_the_key_of_a_local_system_is_not_sent_to_another_address(tmp_path):
    local_system(tmp_path)
    with pytest.raises(NotConfigured, match="no API key for https://prod"):
        configuration("https://prod.example", None, None, None, env={}, here=tmp_path)


def test_without_an_address_the_error_names_every_way(tmp_path):
    with pytest.raises(NotConfigured, match="AGENTFLOW_ENDPOINT"):
        configuration(None, None, None, None, env={}, here=tmp_path)
