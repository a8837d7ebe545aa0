"""Parts of prompts: what is stored of them, what is refused, and that nothing changes a stored version later."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import InvalidInput
from schemas.prompts.form import MAX_PART_DEPTH, MAX_PARTS, MAX_TEMPLATE_CHARS, PromptForm, PromptMessage, form_hash
from schemas.spec.model import PinnedPrompt
from services.prompts.registry.composition import Written, compose, direct_refs


class Prompts:
    """A registry in memory: versions as they were stored, and labels."""

    def __init__(self) -> None:
        self.stored: dict[str, list[PinnedPrompt]] = {}
        self.labels: dict[str, int] = {}

    def find(self, ref: str) -> PinnedPrompt | None:
        """Return what a reference names now."""
        name, _, which = ref.partition("@")
        versions = self.stored.get(name, [])
        number = self.labels.get(ref, 0) if which and not which.isdecimal() else int(which or len(versions))
        return versions[number - 1] if 0 < number <= len(versions) else None

    def create(self, name: str, text: str, dialect: str = "agentflow") -> PinnedPrompt:
        """Store the next version as the registry does."""
        texts = [Written("template", text)]
        found = {ref: one for ref in direct_refs(texts, "agentflow") if (one := self.find(ref)) is not None}
        composed = compose(name, texts, "agentflow", found)
        form = PromptForm(refs=composed.refs, parts=composed.parts, dialect=dialect)  # type: ignore[arg-type]
        versions = self.stored.setdefault(name, [])
        made = PinnedPrompt(name=name, version=len(versions) + 1, template=text, hash=form_hash(text, form), form=form)
        versions.append(made)
        return made

    def fault(self, name: str, text: str) -> str:
        """Return why a version is refused."""
        with pytest.raises(InvalidInput) as refused:
            self.create(name, text)
        assert all(one.path and one.fix for one in refused.value.problems)
        return str(refused.value)


@pytest.fixture
def prompts() -> Prompts:
    return Prompts()


def form_of(prompt: PinnedPrompt) -> PromptForm:
    assert prompt.form is not None
    return prompt.form


def test_references_mean_what_they_name_at_that_moment(prompts: Prompts) -> None:
    for text in ("one", "two"):
        prompts.create("header", text)
    prompts.labels["header@production"] = 1
    form = form_of(prompts.create("ask", "{{> header}} {{> header@production}} {{> header@2}} {{> header tone=x}}"))
    assert form.refs == {"header": "header@2", "header@production": "header@1", "header@2": "header@2"}
    assert {key: part.template for key, part in form.parts.items()} == {"header@1": "one", "header@2": "two"}


def test_parts_of_parts_are_those_that_were_stored_with_them(prompts: Prompts) -> None:
    prompts.create("tone", "calm")
    prompts.create("header", "{{> tone}}!")
    prompts.create("tone", "loud")
    form = form_of(prompts.create("ask", "{{> header}} {{> tone}}"))
    assert form.refs == {"header": "header@1", "tone": "tone@2"}
    assert form.parts["header@1"].refs == {"tone": "tone@1"}
    assert {key: part.template for key, part in form.parts.items() if key.startswith("tone")} == {
        "tone@1": "calm",
        "tone@2": "loud",
    }


def test_the_hash_covers_the_parts(prompts: Prompts) -> None:
    prompts.create("header", "one")
    first = prompts.create("ask", "{{> header}}")
    prompts.create("header", "two")
    assert prompts.create("ask", "{{> header}}").hash != first.hash


def test_a_part_that_does_not_exist_is_named(prompts: Prompts) -> None:
    prompts.create("header", "one")
    for ref in ("header@2", "header@production", "nothing"):
        assert f"there is no prompt '{ref}'" in prompts.fault("ask", f"{{{{> {ref}}}}}")


def test_a_prompt_never_includes_itself(prompts: Prompts) -> None:
    prompts.create("a", "one")
    assert "includes itself: a -> a@1" in prompts.fault("a", "{{> a}}")


def test_a_cycle_is_shown_with_its_path_through_stored_parts(prompts: Prompts) -> None:
    prompts.create("a", "one")
    prompts.create("b", "{{> a}}")
    prompts.create("c", "x {{> b@1}}")
    assert "includes itself: a -> c@1 -> b@1 -> a@1" in prompts.fault("a", "{{> c}}")
    assert len(prompts.stored["a"]) == 1


def test_a_part_is_a_text_of_the_same_dialect(prompts: Prompts) -> None:
    message = PromptMessage(role="user", template="x")
    chat = PinnedPrompt(name="chat", version=1, template="", hash="h", form=PromptForm(messages=[message]))
    prompts.stored["chat"] = [chat]
    prompts.create("other", "x", dialect="mustache")
    assert "has messages" in prompts.fault("ask", "{{> chat}}")
    assert "the dialect mustache" in prompts.fault("ask", "{{> other}}")


def test_a_part_of_before_templates_were_strict_is_named(prompts: Prompts) -> None:
    prompts.stored["old"] = [PinnedPrompt(name="old", version=1, template="{{#if x}}", hash="h")]
    assert "'old' is malformed: line 1" in prompts.fault("ask", "{{> old}}")


def test_depth_is_bounded(prompts: Prompts) -> None:
    prompts.create("p0", "x")
    for n in range(1, MAX_PART_DEPTH + 1):
        prompts.create(f"p{n}", f"{{{{> p{n - 1}}}}}")
    assert f"{MAX_PART_DEPTH + 1} deep" in prompts.fault("last", f"{{{{> p{MAX_PART_DEPTH}}}}}")


def test_the_number_of_parts_is_bounded(prompts: Prompts) -> None:
    for n in range(MAX_PARTS + 1):
        prompts.create(f"p{n}", "x")
    every = [f"{{{{> p{n}}}}}" for n in range(MAX_PARTS + 1)]
    prompts.create("ask", "".join(every[1:]))
    assert f"includes {MAX_PARTS + 1} parts" in prompts.fault("ask", "".join(every))


def test_the_size_with_all_parts_is_bounded_though_each_is_small(prompts: Prompts) -> None:
    """Ten places of ten places of ...: a small request that would be gigabytes of text."""
    prompts.create("p0", "0123456789")
    for n in range(1, 5):
        prompts.create(f"p{n}", f"{{{{> p{n - 1}}}}}" * 10)
    assert f"the maximum is {MAX_TEMPLATE_CHARS}" in prompts.fault("p5", "{{> p4}}" * 10)


def test_messages_are_composed_together() -> None:
    header = PinnedPrompt(name="header", version=1, template="x", hash="h")
    texts = [Written("messages[0].template", "{{> header}}"), Written("messages[1].template", "{{> header@1}}")]
    composed = compose("ask", texts, "agentflow", {"header": header, "header@1": header})
    assert composed.refs == {"header": "header@1", "header@1": "header@1"}
    with pytest.raises(InvalidInput) as refused:
        compose("ask", texts, "agentflow", {"header": header})
    assert [one.path for one in refused.value.problems] == ["messages[1].template"]


NAMES = st.sampled_from(["a", "b", "c", "d"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), NAMES, st.lists(st.tuples(NAMES, st.sampled_from(["", "@1", "@2", "@x"])))),
        st.tuples(st.just("move"), NAMES, st.integers(1, 3)),
    ),
    max_size=25,
)


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_nothing_that_comes_later_changes_the_bytes_of_a_version(steps: list[tuple[str, str, object]]) -> None:
    prompts = Prompts()
    written: dict[tuple[str, int], str] = {}
    for kind, name, what in steps:
        if kind == "move":
            prompts.labels[f"{name}@x"] = what  # type: ignore[assignment]
        else:
            text = f"{name} " + " ".join(f"{{{{> {one}{which}}}}}" for one, which in what)  # type: ignore[attr-defined]
            try:
                made = prompts.create(name, text)
            except InvalidInput:
                continue
            written[made.name, made.version] = made.model_dump_json()
            _is_closed(made)
    for (name, version), bytes_then in written.items():
        assert prompts.stored[name][version - 1].model_dump_json() == bytes_then


def _is_closed(prompt: PinnedPrompt) -> None:
    """A version has all that it needs: every reference leads to a part that it has, and never to itself."""
    form = form_of(prompt)
    for refs in (form.refs, *(part.refs for part in form.parts.values())):
        assert set(refs.values()) <= form.parts.keys()
    assert all(key.partition("@")[0] != prompt.name for key in form.parts)
