"""The figures that personal data and secrets are accepted by, with floors and goals, by the module that measures them.

They are here from the start, so that a figure that nothing measures is printed as not measured. A module of this
package takes its own by ``AIMS = ISSUE["pii"]`` and may add more of its own.
"""

from bench.prove.area import Aim, at_least, at_most

_NONE = at_most(0)

ISSUE: dict[str, tuple[Aim, ...]] = {
    "sanitise": (
        Aim("encoders_same_verdict", "%", at_least(90), at_least(99)),
        Aim("invisible_to_models", "characters", _NONE, _NONE),
        Aim("url_forms_passed", "forms", _NONE, _NONE),
    ),
    "pii": (
        Aim("pii_recall", "%", at_least(90), at_least(97)),
        Aim("pii_precision", "%", at_least(85), at_least(95)),
        Aim("pii_recall_names", "%"),
        Aim("pii_recall_addresses", "%"),
        Aim("clean_documents_flagged", "%", at_most(2), at_most(0.5)),
        Aim("detect_clean_us_per_kb", "us", at_most(25), at_most(8)),
        Aim("detect_dense_us_per_kb", "us", at_most(400), at_most(200)),
        Aim("detect_step_input_p50_us", "us", at_most(150), at_most(60)),
        Aim("detect_hostile_mb_s", "s", at_most(2), at_most(0.5)),
        Aim("detect_hostile_growth", "ratio", at_most(3), at_most(2.2)),
    ),
    "secrets": (
        Aim("secrets_recall", "%", at_least(85), at_least(95)),
        Aim("secret_lookalikes_flagged", "%", at_most(10), at_most(3)),
        Aim("injection_recall_at_1_percent", "%"),
        Aim("injection_languages_recall", "%", at_least(85), at_least(95)),
        Aim("injection_languages_false", "%", at_most(5), at_most(2)),
        Aim("evasions_found", "%", at_least(90), at_least(98)),
        Aim("exfiltrations_found", "%", at_least(90), at_least(98)),
        Aim("split_secrets_missed", "splits", _NONE, _NONE),
        Aim("split_secrets_delay_chars", "characters", at_most(64), at_most(64)),
    ),
    "vault": (
        Aim("round_trips_wrong", "texts", _NONE, _NONE),
        Aim("mangled_restored_or_refused", "%", at_least(99), at_least(99.9)),
        Aim("values_of_others", "values", _NONE, _NONE),
    ),
    "erasure": (
        Aim("erased_traces", "strings", _NONE, _NONE),
        Aim("erasure_others_changed", "subjects", _NONE, _NONE),
        Aim("erasure_runs_broken", "runs", _NONE, _NONE),
        Aim("erased_brought_back", "subjects", _NONE, _NONE),
    ),
    "closed": (Aim("failures_that_pass", "cases", _NONE, _NONE),),
}


def all_aims() -> tuple[Aim, ...]:
    """Return every figure above."""
    return tuple(aim for aims in ISSUE.values() for aim in aims)
