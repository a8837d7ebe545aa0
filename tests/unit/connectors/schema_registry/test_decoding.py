"""Records of each format as JSON values, by schemas of a registry."""

import datetime
import io
from decimal import Decimal

import fastavro
import orjson
import pytest
from google.protobuf import timestamp_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from connectors.schema_registry.client import Access, SchemaRegistry
from connectors.schema_registry.decoding import Format, RecordReader
from schemas.errors import BadRecord, Unavailable
from schemas.records.base import Json
from schemas.triggers.framing import framed, place_bytes
from tests.support.schema_registry import BYTES, INT32, INT64, STRING, protobuf_file, protobuf_message, schema_registry

ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "raw", "type": "bytes"},
        {"name": "note", "type": ["null", "string"]},
    ],
}
VALUE = {
    "id": "o-1",
    "total": Decimal("12.50"),
    "at": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
    "raw": b"\0\1",
    "note": None,
}
SHOWN = {"id": "o-1", "total": "12.50", "at": "2026-01-02T03:04:05Z", "raw": "AAE=", "note": None}


def avro(schema: object, value: object) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


async def read(url: str, data: bytes | None, form: Format, **access: str) -> Json:
    registry = SchemaRegistry(Access(url, **access))
    try:
        return await RecordReader(registry).value(data, form)
    finally:
        await registry.close()


async def test_avro_with_logical_types_is_json() -> None:
    async with schema_registry() as (registry, url):
        number = registry.add("orders-value", "AVRO", orjson.dumps(ORDER).decode())
        assert await read(url, framed(number, avro(ORDER, VALUE)), "avro") == SHOWN


async def test_avro_with_a_reference() -> None:
    customer = {"type": "record", "name": "shop.Customer", "fields": [{"name": "name", "type": "string"}]}
    order = {"type": "record", "name": "shop.Sale", "fields": [{"name": "to", "type": "shop.Customer"}]}
    async with schema_registry() as (registry, url):
        registry.add("customer", "AVRO", orjson.dumps(customer).decode())
        references = [{"name": "shop.Customer", "subject": "customer", "version": 1}]
        number = registry.add("sales-value", "AVRO", orjson.dumps(order).decode(), references)
        whole = {**order, "fields": [{"name": "to", "type": customer}]}
        data = framed(number, avro(whole, {"to": {"name": "Ada"}}))
        assert await read(url, data, "avro") == {"to": {"name": "Ada"}}


async def test_protobuf_with_a_reference_a_well_known_type_and_defaults() -> None:
    customer = protobuf_file("customer.proto", {"Customer": {"name": STRING}})
    fields: dict[str, int | str] = {"id": STRING, "total": INT64, "count": INT32, "raw": BYTES, "to": ".shop.Customer"}
    stamped = "google/protobuf/timestamp.proto"
    order = protobuf_file(
        "order.proto",
        {"Other": {"x": INT32}, "Order": fields | {"at": ".google.protobuf.Timestamp"}},
        imports=("customer.proto", stamped),
    )
    stamp_file = FileDescriptorProto.FromString(timestamp_pb2.DESCRIPTOR.serialized_pb)
    data = protobuf_message(
        order, "Order", customer, stamp_file, id="o-1", total=2**60, to={"name": "Ada"}, at={"seconds": 5}
    )
    async with schema_registry() as (registry, url):
        registry.add_file("customer", customer)
        references = [{"name": "customer.proto", "subject": "customer", "version": 1}]
        number = registry.add_file("orders-value", order, references)
        value = await read(url, framed(number, place_bytes((1,)) + data), "protobuf")
    assert value == {
        "id": "o-1",
        "total": str(2**60),
        "count": 0,
        "raw": "",
        "to": {"name": "Ada"},
        "at": "1970-01-01T00:00:05Z",
    }


@pytest.mark.parametrize("data", [b'{"a": 1}', framed(9, b'{"a": 1}')])
async def test_json_is_read_with_and_without_a_frame(data: bytes) -> None:
    assert await RecordReader(None).value(data, "json") == {"a": 1}


@pytest.mark.parametrize(
    ("data", "form", "reason"),
    [
        (None, "json", "tombstone"),
        (b"\xff", "json", "json"),
        (b'{"a": 1}', "avro", "framing"),
        (framed(1, b"\xff" * 9), "avro", "avro"),
        (framed(1, avro(ORDER, VALUE) + b"x"), "avro", "avro"),
        (framed(1, b"\0"), "protobuf", "schema"),
        (framed(2, b"\0\xff"), "protobuf", "protobuf"),
        (framed(2, place_bytes((7,))), "protobuf", "protobuf"),
        (framed(3, b""), "avro", "schema"),
        (framed(4, b""), "avro", "schema"),
        (framed(99, b""), "avro", "schema_unknown"),
    ],
)
async def test_poison_is_a_bad_record_with_its_reason(data: bytes | None, form: Format, reason: str) -> None:
    async with schema_registry() as (registry, url):
        registry.add("a", "AVRO", orjson.dumps(ORDER).decode())
        registry.add_file("b", protobuf_file("o.proto", {"Order": {"id": STRING}}))
        registry.add("c", "AVRO", '{"type": "nothing"}')
        registry.add("d", "JSON", "{}")
        with pytest.raises(BadRecord) as raised:
            await read(url, data, form)
    assert raised.value.reason == reason


async def test_nan_is_no_value() -> None:
    async with schema_registry() as (registry, url):
        registry.add("a", "AVRO", '"double"')
        with pytest.raises(BadRecord):
            await read(url, framed(1, avro("double", float("nan"))), "avro")


async def test_schema_is_asked_for_once() -> None:
    async with schema_registry() as (registry, url):
        number = registry.add("a", "AVRO", '"string"')
        client = SchemaRegistry(Access(url))
        reader = RecordReader(client)
        for text in ("a", "b", "c"):
            assert await reader.value(framed(number, avro("string", text)), "avro") == text
        await client.close()
        assert registry.requests == {f"/schemas/ids/{number}": 1}


async def test_registry_that_is_down_is_waited_for() -> None:
    async with schema_registry() as (registry, url):
        number = registry.add("a", "AVRO", '"string"')
        data = framed(number, avro("string", "a"))
        registry.down = True
        with pytest.raises(Unavailable, match="503"):
            await read(url, data, "avro")
        registry.down = False
        assert await read(url, data, "avro") == "a"
    with pytest.raises(Unavailable, match="schema registry"):
        await read(url, data, "avro")
    with pytest.raises(Unavailable, match="SCHEMA_REGISTRY_URL"):
        await RecordReader(None).value(data, "avro")


async def test_credentials_are_sent_and_never_shown() -> None:
    async with schema_registry(user="me:secret-word") as (registry, url):
        number = registry.add("a", "AVRO", '"string"')
        data = framed(number, avro("string", "a"))
        assert await read(url, data, "avro", username="me", password="secret-word") == "a"
        with pytest.raises(Unavailable, match="SCHEMA_REGISTRY_USERNAME") as raised:
            await read(url, data, "avro", username="me", password="wrong-word")
    assert "wrong-word" not in str(raised.value) + repr(Access(url, "me", "wrong-word"))


async def test_another_server_at_the_address_is_no_poison(registry_elsewhere: str) -> None:
    with pytest.raises(Unavailable, match="SCHEMA_REGISTRY_URL"):
        await read(registry_elsewhere, framed(1, b""), "avro")


@pytest.fixture
async def registry_elsewhere() -> object:
    async with schema_registry() as (_, url):
        yield f"{url}/wrong"


async def test_schemas_that_name_one_another_end() -> None:
    async with schema_registry() as (registry, url):
        circle = [{"name": "x", "subject": "a", "version": 1}]
        number = registry.add("a", "AVRO", '"string"', circle)
        assert await read(url, framed(number, avro("string", "a")), "avro") == "a"
