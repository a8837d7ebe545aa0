"""The lines of evaluations have an aim each, and a quick run of them holds its floors."""

from bench.prove.prompts import evaluation_statistics as lines_of


def test_every_line_has_an_aim_and_holds_its_floor() -> None:
    found = {line.name: line.value for line in lines_of.measure(True, lambda _: None)}
    assert found.keys() == {aim.name for aim in lines_of.AIMS}
    assert [aim.name for aim in lines_of.AIMS if aim.floor and not aim.floor.holds(found[aim.name])] == []
