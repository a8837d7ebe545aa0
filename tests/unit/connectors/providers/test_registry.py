"""Which providers a process has, and the bodies that they send and read."""

import pytest

from connectors.providers.base import ModelRequest
from connectors.providers.compatible.chat import read_completion, request_body
from connectors.providers.local.behaviour import LocalBehaviour
from connectors.providers.local.client import LocalHttpProvider
from connectors.providers.local.provider import LocalProvider
from connectors.providers.openai.provider import OpenAIProvider
from connectors.providers.registry import Endpoint, build_providers
from connectors.providers.wire import MalformedError


async def test_local_is_always_there_and_openai_only_when_it_can_work() -> None:
    providers = build_providers(behaviour=LocalBehaviour(seed=5))
    assert list(providers) == ["local"]
    assert isinstance(providers["local"], LocalProvider)
    assert providers["local"].behaviour.seed == 5
    with_key = build_providers({"openai": Endpoint("sk-1")})
    assert isinstance(with_key["openai"], OpenAIProvider)
    compatible = build_providers({"openai": Endpoint("", "http://127.0.0.1:1/v1")}, local_url="http://127.0.0.1:2")
    assert sorted(compatible) == ["local", "openai"]
    assert isinstance(compatible["local"], LocalHttpProvider)
    for provider in [*providers.values(), *with_key.values(), *compatible.values()]:
        assert provider.name in ("local", "openai")
        await provider.close()


async def test_the_key_shows_nowhere() -> None:
    provider = OpenAIProvider("sk-very-secret")
    assert "sk-very-secret" not in repr(provider)
    assert "sk-very-secret" not in str(request_body(ModelRequest("m", "p", 5, "k")))
    await provider.close()


@pytest.mark.parametrize("text", ["", "hello", "Prisms and colours", "日本語のテキスト", "🙂" * 10, "\ud800"])
async def test_an_estimate_is_never_below_a_token_per_byte(text: str) -> None:
    provider = OpenAIProvider("")
    assert provider.count_tokens("any", text) > len(text.encode("utf-8", "surrogatepass"))
    await provider.close()


def test_a_request_says_what_was_asked_and_no_more() -> None:
    body = request_body(ModelRequest("m", "hello", 5, "k"))
    assert body == {"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
    newer = request_body(ModelRequest("m", "hello", 5, "k", temperature=0.0), "max_completion_tokens")
    assert newer["max_completion_tokens"] == 5
    assert newer["temperature"] == 0.0
    assert "max_tokens" not in newer


def completion(**message: object) -> dict[str, object]:
    return {"choices": [{"message": {"role": "assistant", **message}, "finish_reason": "stop"}]}


def test_an_answer_is_read_with_or_without_counts() -> None:
    counted = completion(content="hi") | {"usage": {"prompt_tokens": 3, "completion_tokens": 1}}
    answer = read_completion(counted)
    assert (answer.text, answer.finish_reason) == ("hi", "stop")
    assert (answer.counts["input_tokens"], answer.counts["output_tokens"]) == (3, 1)
    for usage in (None, {}, []):
        answer = read_completion(completion(content="hi") | {"usage": usage})
        assert set(answer.counts.values()) == {None}


def test_parts_and_refusals_are_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    assert read_completion(completion(content=parts)).text == "ab"
    assert read_completion(completion(content=None, refusal="I will not")).text == "I will not"


@pytest.mark.parametrize(
    "body",
    [None, [], "text", {}, {"choices": []}, {"choices": {}}, {"choices": [1]}, {"choices": [{}]}, completion()],
)
def test_anything_else_is_malformed(body: object) -> None:
    with pytest.raises(MalformedError):
        read_completion(body)


def test_an_answer_without_text_that_was_counted_is_paid_for_and_says_so() -> None:
    counted = completion(content=None) | {"usage": {"prompt_tokens": 10, "completion_tokens": 5}}
    answer = read_completion(counted)
    assert (answer.text, answer.counts["input_tokens"], answer.counts["output_tokens"]) == ("", 10, 5)
    assert answer.problem is not None
    assert (answer.problem.code, answer.problem.retryable) == ("no_text", True)
    cut = {"choices": [{"message": {"content": None}, "finish_reason": "length"}], "usage": counted["usage"]}
    problem = read_completion(cut).problem
    assert problem is not None
    assert (problem.retryable, "raise max_tokens" in str(problem)) == (False, True)
