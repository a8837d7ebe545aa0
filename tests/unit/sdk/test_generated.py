"""The generated files of the SDK are those that the sources give."""

from sdk.generate.__main__ import main


def test_generated_files_are_up_to_date(capsys):
    assert main(check=True) == 0, f"run `python -m sdk.generate`: {capsys.readouterr().err}"
