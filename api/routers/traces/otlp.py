"""Spans of other programs, by OTLP."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTracePartialSuccess as PartialSuccess
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.caller import Caller
from api.dependencies import May, Parts
from api.http.otlp_errors import JSON, PATHS, PROTOBUF
from api.routers.errors import errors
from schemas.api_models.traces.records import OtlpAnswer, PartialSuccessAnswer
from schemas.budgets import PROJECT_TAG
from schemas.errors import Undecodable
from services.observability.otlp.incoming.bodies import Encoding, encoding_of
from services.observability.otlp.incoming.receiver import Sender, Taken
from services.observability.otlp.incoming.spans import TooManySpans

router = APIRouter(tags=["traces"], route_class=APIRoute)
SpanWriter = Annotated[Caller, Depends(May("write", ("workflow",), project=True))]
_BODY = {
    "requestBody": {
        "required": True,
        "description": "An `ExportTraceServiceRequest`, plain or with `Content-Encoding: gzip`.",
        "content": {
            JSON: {"schema": {"type": "object"}, "example": {"resourceSpans": []}},
            PROTOBUF: {"schema": {"type": "string", "format": "binary"}, "example": ""},
        },
    }
}


@router.post(PATHS[0], responses=errors(400, 413, 415), response_model=OtlpAnswer, openapi_extra=_BODY)
@router.post(PATHS[1], response_model=OtlpAnswer, include_in_schema=False)
async def export_traces(request: Request, who: SpanWriter, parts: Parts) -> Response:
    """Take spans of other programs. They are in traces after some seconds, those of a run's trace in its trace.

    Errors are `google.rpc.Status` in the encoding of the request. Spans that break a rule are counted in
    `partialSuccess`, with the reasons; the others are taken.
    """
    encoding = encoding_of(request.headers.get("content-type", ""))
    if encoding is None:
        raise HTTPException(415, f"send OTLP as {PROTOBUF} or {JSON}, and name it in the header Content-Type")
    tags = {} if who.project is None else {PROJECT_TAG: who.project}
    sender = Sender(org_id=who.org_id, owns=who.owns, tags=tags)
    with parts.otlp.bound.place():
        try:
            taken = await parts.otlp.receiver.take(
                await request.body(), encoding, request.headers.get("content-encoding", ""), sender
            )
        except TooManySpans as exc:
            raise HTTPException(413, str(exc)) from exc
        except Undecodable as exc:
            raise HTTPException(415 if exc.reason == "encoding" else 400, str(exc)) from exc
    return _answer(taken, encoding)


def _answer(taken: Taken, encoding: Encoding) -> Response:
    if encoding is Encoding.PROTOBUF:
        answer = ExportTraceServiceResponse()
        if taken.rejected:
            partial = PartialSuccess(rejected_spans=taken.rejected, error_message=taken.message)
            answer.partial_success.CopyFrom(partial)
        return Response(answer.SerializeToString(), media_type=PROTOBUF)
    refused = PartialSuccessAnswer(rejected_spans=str(taken.rejected), error_message=taken.message)
    found = OtlpAnswer(partial_success=refused if taken.rejected else None)
    return Response(found.model_dump_json(by_alias=True, exclude_none=True), media_type=JSON)
