"""The version of this application; ``pyproject.toml`` says the same."""

VERSION = "0.1.0"
