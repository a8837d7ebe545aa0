"""The reference page of ``agentctl`` is what its commands say."""

from sdk.generate.agentctl import PAGE, page


def test_the_page_is_generated_from_the_commands() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m sdk.generate.agentctl`"
