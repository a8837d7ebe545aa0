"""The lines of the compose files: all floors hold, and a role or a variable too many or too few is noticed."""

from bench.prove.area import missed
from bench.prove.areas import AREAS
from bench.prove.deploy.compose import AIMS, measure
from deploy.manifests.compose import roles_without_service
from streams.roles.registry import ROLES


def test_every_floor_holds():
    lines = measure(True, print)
    assert [line.name for line in lines] == [aim.name for aim in AIMS]
    assert missed(AREAS["deploy"], lines) == []


def test_role_that_nothing_runs_is_noticed():
    services = {role: {"command": ["python", "-m", "streams", role]} for role in ROLES if role != "leases"}
    assert roles_without_service(services) == ["leases"]
    assert roles_without_service({"all": {"command": ["python", "-m", "streams", "all"]}}) == []
