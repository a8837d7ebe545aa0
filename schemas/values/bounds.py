"""The bounds of values, see docs/reference/values.md."""

#: Lists and objects inside each other, in one value: an input, an output, a signal's data.
MAX_DEPTH = 90
#: The same in a whole text, such as the body of a request, which has values inside.
MAX_TEXT_DEPTH = 100
#: Keys and values together, in one text.
MAX_COUNT = 2_000_000
#: Signed integers of 64 bits: what CEL, PostgreSQL, ClickHouse and MessagePack have.
MIN_INT, MAX_INT = -(2**63), 2**63 - 1
