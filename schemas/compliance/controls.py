"""Which statements of a report are evidence for which control of a pack. It is a table, and no legal advice."""

from typing import Any, Final, NamedTuple


class Control(NamedTuple):
    """One control: the rules of the pack that enforce it, and the statements that show what they did."""

    pack: str
    id: str
    title: str
    rules: tuple[str, ...]
    statements: tuple[str, ...]


CONTROLS: Final[tuple[Control, ...]] = (
    Control(
        "gdpr",
        "minimisation",
        "A model gets no special categories of personal data, and no whole record where a part would do",
        ("gdpr/special_categories", "gdpr/identifiers"),
        ("rules", "redactions"),
    ),
    Control(
        "gdpr",
        "transfers",
        "Personal data is processed in the EU, or in this installation",
        ("compliance/residency.pii",),
        ("demands", "facts"),
    ),
    Control(
        "gdpr",
        "processors",
        "Providers keep personal data for 30 days at most, and do not train on it",
        ("compliance/retention.pii", "compliance/no_training.pii"),
        ("demands", "facts"),
    ),
    Control("gdpr", "erasure", "A person's data is erased on request", (), ("erasures",)),
    Control("gdpr", "access", "Personal data is read by those who may", ("gdpr/readers",), ("readers", "refusals")),
    Control(
        "soc2",
        "access",
        "Access to data and to keys is limited and recorded",
        ("soc2/readers",),
        ("readers", "refusals", "keys"),
    ),
    Control(
        "soc2",
        "change",
        "Changes of rules and of configuration are made by named people",
        (),
        ("policies", "administration", "facts"),
    ),
    Control(
        "soc2",
        "monitoring",
        "Actions of agents are recorded, and those that matter are approved",
        ("soc2/tool_calls", "soc2/untrusted_effects"),
        ("rules", "approvals", "exceptions"),
    ),
    Control(
        "soc2",
        "confidentiality",
        "Secrets leave to nobody, and providers neither keep nor train on confidential data",
        ("compliance/providers.secret", "compliance/no_training.confidential"),
        ("demands", "redactions"),
    ),
    Control("soc2", "integrity", "Records are complete and were not changed", (), ("log",)),
    Control(
        "ai_act",
        "logging",
        "Every call of a model and of a tool of a high-risk system is recorded",
        ("ai_act/model_calls", "ai_act/tool_calls", "ai_act/outputs"),
        ("log", "rules"),
    ),
    Control(
        "ai_act",
        "oversight",
        "A person says yes before a high-risk system acts",
        ("ai_act/oversight",),
        ("approvals", "exceptions"),
    ),
    Control("ai_act", "retention", "The log is kept", (), ("log",)),
    Control("ai_act", "versions", "It is known which rules counted at each time", (), ("policies",)),
)


def controls() -> list[dict[str, Any]]:
    """Return the table as JSON values."""
    return [
        {
            "pack": one.pack,
            "control": one.id,
            "title": one.title,
            "rules": list(one.rules),
            "statements": list(one.statements),
        }
        for one in CONTROLS
    ]
