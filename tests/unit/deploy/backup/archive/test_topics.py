"""Which topics are archived, and in which order they are cut."""

from deploy.backup.archive import topics
from topics.catalogue import CATALOGUE, checkpoint_topic, submissions_topic, wanted


def test_every_topic_is_archived_as_records_or_as_a_checkpoint() -> None:
    names = wanted(["acme"], ["gpu"])
    archived = set(topics.archived([*names, "__consumer_offsets", "somebody.elses"]))

    assert archived | topics.CHECKPOINTS.keys() == names.keys()
    assert not archived & topics.CHECKPOINTS.keys()
    assert submissions_topic("acme") in archived


def test_effects_are_cut_before_causes_and_money_last() -> None:
    turns = topics.turns(wanted(["acme"], ["gpu"]))
    turn = {name: number for number, names in enumerate(turns) for name in names}

    lanes = [name for name in turn if topics.is_lane(name)]
    assert {"step-requests.gold", "step-requests.gpu"} <= set(lanes)
    assert max(turn[name] for name in [*lanes, "run-views", "admissions"]) < turn["run-events"] < turn["cost-events"]


def test_all_inputs_of_tables_keep_their_offsets_and_are_deleted_not_compacted() -> None:
    declared = {topic.name: topic for topic in CATALOGUE}

    assert {checkpoint_topic(table) for table in topics.CHECKPOINTS.values()} == set(topics.CHECKPOINTS)
    for name in topics.EXACT:
        # A broker that compacts leaves gaps, and refuses the records without a key that fill the beginning.
        assert declared[name].cleanup == "delete"


def test_while_it_is_restored_a_topic_keeps_times_and_records() -> None:
    config = topics.configs(["run-events", "definitions"])
    opened = {name: topics.open_for_writing(one) for name, one in config.items()}

    assert opened["run-events"]["message.timestamp.type"] == "CreateTime"
    assert opened["run-events"]["retention.ms"] == "-1"
    assert "retention.ms" not in opened["definitions"]
    assert config["run-events"]["message.timestamp.type"] == "LogAppendTime"


def test_admissions_have_one_partition() -> None:
    counts = {"run-events": 24, "cost-events": 12}
    assert topics.checkpoint_partitions("admissions", counts, 12) == 1
    assert topics.checkpoint_partitions("budgets", counts, 12) == 12
    assert topics.checkpoint_partitions("runs", counts, 12) == 24, "those of a table follow its input"
    assert topics.checkpoint_partitions("runs", {}, 12) == 12
