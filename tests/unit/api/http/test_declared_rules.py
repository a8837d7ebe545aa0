"""Each route declares its rule, and the OpenAPI document shows it."""

from fastapi.routing import APIRoute

from api.http.openapi import operations, rule_of
from api.routers.list import ROUTERS
from tests.support.api_app import openapi

#: Routes of the process itself: they show nothing of any organisation. The address of a webhook is a secret by itself.
OPEN = {"/health", "/ready", "/metrics", "/api/v1/hooks/{address}"}


def test_each_route_declares_a_rule_or_is_of_the_process_itself():
    open_routes = {
        route.path_format
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema and rule_of(route.dependant) is None
    }
    assert open_routes == OPEN


def test_document_shows_permission_and_scopes_of_each_operation():
    document = openapi()
    shown = {"none", "authenticated", "read", "write", "admin", "platform"}
    for operation in operations(document):
        assert operation["x-permission"] in shown
        assert isinstance(operation["x-projects"], bool)
        assert {"429", "401"} <= operation["responses"].keys() or operation["x-permission"] == "none"
    runs = document["paths"]["/api/v1/workflows/runs"]
    assert (runs["post"]["x-permission"], runs["post"]["x-scopes"]) == ("write", ["workflow"])
    assert document["paths"]["/api/v1/organisations"]["get"]["x-permission"] == "platform"
    assert document["paths"]["/api/v1/limits"]["put"]["x-scopes"] == []
