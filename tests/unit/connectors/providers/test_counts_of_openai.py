"""Counts of chat completions in all kinds, as services give them."""

import pytest

from connectors.providers.compatible.chat import read_counts
from connectors.providers.usage import Bounds, counted
from schemas.records.base import Usage

BOUNDS = Bounds(999, 999)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {
                "prompt_tokens": 100_000,
                "completion_tokens": 1_000,
                "prompt_tokens_details": {"cached_tokens": 90_000, "cache_write_tokens": 8_000, "audio_tokens": 7},
                "completion_tokens_details": {"reasoning_tokens": 600, "audio_tokens": 3},
            },
            Usage(
                input_tokens=100_000,
                output_tokens=1_000,
                cache_read_tokens=90_000,
                cache_write_tokens=8_000,
                input_audio_tokens=7,
                reasoning_tokens=600,
                output_audio_tokens=3,
            ),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": None, "total_tokens": 11},
            Usage(input_tokens=9, output_tokens=2),
        ),
        # A service whose output excludes reasoning, as its total shows.
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 2,
                "total_tokens": 51,
                "completion_tokens_details": {"reasoning_tokens": 40},
            },
            Usage(input_tokens=9, output_tokens=42, reasoning_tokens=40),
        ),
    ],
)
def test_counts_are_read_in_all_kinds(usage: object, expected: Usage) -> None:
    assert counted(read_counts(usage), BOUNDS) == (expected, ())
