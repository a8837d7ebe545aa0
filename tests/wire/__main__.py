"""``python -m tests.wire``: accept additions to the records' schemas. Breaking changes are listed and refused."""

import sys

from tests.wire.schema import FROZEN, breaking, current, frozen, write

new = current()
broken = breaking(frozen(), new) if FROZEN.exists() else []
if broken:
    sys.stderr.write(
        "\n".join([*broken, "these records break a rolling upgrade: add a field, or a new record type"]) + "\n"
    )
    sys.exit(1)
write(new)
sys.stdout.write(f"{FROZEN.name}: {len(new['types'])} types on {len(new['topics'])} topics\n")
