"""The quick form of the figures of encoded and disguised attacks holds the floors."""

from bench.prove.privacy import encoded


def test_encoded_and_disguised_attacks_are_found():
    lines = {line.name: line for line in encoded.measure(quick=True, progress=lambda _: None)}
    for aim in encoded.AIMS:
        assert aim.floor is not None
        assert aim.floor.holds(lines[aim.name].value), lines[aim.name].note
