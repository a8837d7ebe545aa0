"""What a cell has of one organisation: rows, objects, money, definitions, and events that wait."""

import hashlib
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass

import orjson

from connectors.clickhouse.organisation_rows import AnalyticsRows
from connectors.kafka.archive.reading import ArchiveReader
from connectors.kafka.deadline_appender import Appender
from connectors.objects.backends import listable
from connectors.objects.store import MAX_BYTES, Objects
from connectors.ports.archive import Range, Where
from connectors.ports.engine import OutRecord
from connectors.postgres.cells.open_work import OpenWork
from connectors.postgres.cells.rows import OrganisationRows
from connectors.redis.readers.organisation_money import OrganisationMoney
from schemas.errors import Conflict
from schemas.records.budgets import OrganisationArrived
from schemas.records.definitions import Definition
from services.cells.letters import Letters
from services.cells.parts import Row, in_packs, parts_as_they_come, parts_of, rows_in
from topics.catalogue import COST_EVENTS, DEFINITIONS, submissions_topic
from topics.codec import decode, encode
from topics.groups import group_of

INGRESS_GROUP = group_of("ingress")
Digests = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSite:
    """The stores of one cell. ``bootstrap`` are its brokers, ``letters`` the dead letters on them."""

    rows: OrganisationRows
    analytics: AnalyticsRows
    objects: Objects
    money: OrganisationMoney
    work: OpenWork
    appender: Appender
    letters: Letters
    bootstrap: str

    async def digests(
        self, org_id: str, money: Collection[str] | None = None, objects: Collection[str] | None = None
    ) -> Digests:
        """Return what an organisation has in this cell, as both cells compare it.

        ``money`` and ``objects`` are the entries of money and the objects that are compared, all by default: an earlier
        stay may have left more. Raises ``Unavailable`` and ``LookupError``.
        """
        rows = await self.rows.digests(await self.rows.tables(), org_id)
        found = {f"postgres {name}": digest for name, digest in rows.items()}
        for table in await self.analytics.tables():
            found[f"clickhouse {table.name}"] = await self.analytics.digest(table, org_id)
        there = await self.object_names(org_id)
        names = there if objects is None else sorted(set(there) & set(objects))
        found["objects"] = f"{len(names)} objects, {_hashed(names)}"
        fields = await self.money.fields(org_id)
        compared = sorted(fields if money is None else money)
        found["money"] = f"{len(compared)} entries, {_hashed([f'{one}={fields.get(one)}' for one in compared])}"
        return found

    async def object_names(self, org_id: str) -> list[str]:
        """Return the hashes of an organisation's objects, sorted."""
        return sorted([one.name.rpartition("/")[2] async for one in listable(self.objects.blobs).stored(org_id)])

    async def object_bytes(self, org_id: str, sha256: str) -> bytes:
        """Return an object. Raises ``CorruptObject``, ``NotFound``."""
        return await self.objects.read(org_id, sha256)

    async def put_object(self, org_id: str, sha256: str, data: bytes) -> None:
        """Store an object. Raises ``Conflict`` when its bytes have another hash."""
        if len(data) > MAX_BYTES or hashlib.sha256(data).hexdigest() != sha256:
            raise Conflict(f"object {sha256[:80]} came with other bytes")
        await self.objects.put(org_id, data)

    async def put_money(self, org_id: str, move_id: str, attempt: int, part: int, fields: Mapping[str, str]) -> None:
        """Append entries of money; the table of money takes them in."""
        record = OrganisationArrived(org_id=org_id, move_id=move_id, attempt=attempt, part=part, fields=dict(fields))
        await self.appender.append([OutRecord(COST_EVENTS, org_id.encode(), encode(record))])

    async def definitions(self, org_id: str) -> AsyncGenerator[bytes]:
        """Yield an organisation's definitions, the newest of each key, in parts."""
        found: dict[bytes, Row] = {}
        async for row in self._records(DEFINITIONS, {}):
            if row.key is not None and _is_definition_of(row, org_id):
                found[row.key] = row
        for part in parts_of(list(found.values())):
            yield part

    async def put_definitions(self, org_id: str, data: bytes) -> None:
        """Append definitions. Raises ``Conflict`` for those of another organisation."""
        rows = rows_in(data)
        if not all(row.key is not None and _is_definition_of(row, org_id) for row in rows):
            raise Conflict("a part of the definitions has some of another organisation; nothing of it was taken")
        await self.appender.append([OutRecord(DEFINITIONS, row.key, row.value) for row in rows if row.key is not None])

    async def waiting_events(self, org_id: str) -> tuple[list[bytes], dict[int, int]]:
        """Return the events on an organisation's submissions topic that nobody has taken, in parts, and their ends.

        The ends are offsets by partition.
        """
        topic = submissions_topic(org_id)
        async with ArchiveReader(self.bootstrap, committed=True) as reader:
            groups = await reader.groups([topic])
            ends = {where[1]: end for where, end in (await reader.ends(await _wheres(reader, topic))).items()}
        taken = {where[1]: at.offset for where, at in groups.get(INGRESS_GROUP, {}).items()}
        return [part async for part in parts_as_they_come(self._records(topic, taken, ends))], ends

    async def put_events(self, org_id: str, data: bytes) -> None:
        """Append events to an organisation's submissions topic."""
        topic = submissions_topic(org_id)
        rows = rows_in(data)
        await self.appender.append([OutRecord(topic, row.key, row.value, row.headers) for row in rows])

    async def _records(
        self, topic: str, starts: Mapping[int, int], until: Mapping[int, int] | None = None
    ) -> AsyncGenerator[Row]:
        async with ArchiveReader(self.bootstrap, committed=True) as reader:
            wheres = await _wheres(reader, topic)
            firsts, ends = await reader.firsts(wheres), await reader.ends(wheres)
            if until is not None:
                ends = {at: until.get(at[1], 0) for at in wheres}
            begins = {at: max(firsts[at], starts.get(at[1], 0)) for at in wheres}
            ranges = {at: Range(begins[at], ends[at]) for at in wheres if begins[at] < ends[at]}
            async for _, rows in reader.read(ranges):
                for row in rows:
                    yield Row(row.key, row.value, tuple(row.headers))


async def _wheres(reader: ArchiveReader, topic: str) -> list[Where]:
    return [(topic, one) for one in range((await reader.partitions([topic]))[topic])]


def money_parts(fields: Mapping[str, str]) -> list[dict[str, str]]:
    """Return entries of money in parts that are records, two at least.

    New budgets ask the ledger for what was settled before their definition; rows that arrived count as the offsets 0
    and 1, so there must be two records before it.
    """
    packed = in_packs(sorted(fields.items()), lambda one: len(one[0]) + 2 * len(one[1]))
    return [*(map(dict, packed) if packed else [{}]), {}]


def _is_definition_of(row: Row, org_id: str) -> bool:
    if row.value is None:
        return False
    record = decode(DEFINITIONS, row.value)
    return isinstance(record, Definition) and record.org_id == org_id and (row.key or b"").decode() == record.key


def _hashed(lines: Sequence[str]) -> str:
    return hashlib.sha256(orjson.dumps(lines)).hexdigest()
