"""Labels of what a tool has just given."""

from schemas.labels.label import Integrity
from schemas.records.security.pinned import ToolSecurity
from services.security.enforcement.results import labels_of_result
from tests.support.policies import READ, TRUSTED, WEB, security


def test_a_result_is_as_its_tool_declares_and_as_its_arguments_are() -> None:
    fields = {"$.id": TRUSTED}
    tool = ToolSecurity(source=["third_party", "class:pii"], fields=fields)
    labels = labels_of_result(security(tool=tool))
    assert (labels.root.integrity, labels.root.classes) == (Integrity.THIRD_PARTY, {"pii"})
    assert labels.nearest(("id",)).integrity == Integrity.TRUSTED
    # What the call was made of counts everywhere.
    assert labels_of_result(security(WEB, tool=tool)).nearest(("id",)).integrity == Integrity.WEB
    assert labels_of_result(security(tool=READ)).root.integrity == Integrity.WEB


def test_what_is_not_declared_is_trusted_least() -> None:
    assert labels_of_result(security(tool=None)).whole.origins == {"unlabelled"}
    assert labels_of_result(security(tool=ToolSecurity())).root.integrity == Integrity.WEB
    assert labels_of_result(security(tool=ToolSecurity(pure=True))).root.integrity == Integrity.TRUSTED


def test_one_that_endorses_vouches_for_its_data_and_not_for_the_choice() -> None:
    tool = ToolSecurity(endorses=True)
    assert labels_of_result(security(WEB, tool=tool)).root.integrity == Integrity.TRUSTED
    assert labels_of_result(security(tool=tool, control=["web"])).root.integrity == Integrity.WEB


def test_readers_that_a_value_names_are_nobody_here() -> None:
    tool = ToolSecurity(source=TRUSTED, readers={"$.doc": "$.shared"})
    labels = labels_of_result(security(tool=tool))
    assert labels.nearest(("doc", "text")).readers == frozenset()
    assert labels.root.readers is None
