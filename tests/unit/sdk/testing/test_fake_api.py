"""The API in memory answers the client as the real one does, as far as it goes."""

import pytest
from agentflow import Workflow
from agentflow.errors import Conflict, Invalid, NotFound, ServerFault
from agentflow.testing import FakeApi

GREETING = Workflow("greeting").llm("greet", "greeter@1").inputs(name="{{name}}").end()
APPROVAL = Workflow("approval").signal("ask", "go").end()


def api():
    return FakeApi(models={"greet": lambda call: f"Hello {call.args['name']}"})


def test_a_run_is_registered_submitted_awaited_and_watched():
    fake = api()
    with fake.client() as client:
        assert client.workflows.register(GREETING).required_inputs == ["name"]
        run = client.workflows.submit("greeting", {"name": "Ada"})
        assert client.workflows.wait(run.id, check=True).output == {"greet": "Hello Ada"}
        assert [event.kind for event in client.workflows.watch(run.id)] == ["step", "end"]
        assert [step.id for step in client.workflows.steps_all(run.id)] == ["greet"]
        assert [one.id for one in client.workflows.list_all(status="succeeded")] == [run.id]
        assert client.workflows.list(workflow="other").runs == []
    assert list(fake.runs) == [run.id]


def test_the_same_key_is_the_same_run_and_another_body_is_refused():
    fake = api()
    with fake.client() as client:
        client.workflows.register(GREETING)
        runs = {client.workflows.submit("greeting", {"name": "A"}, idempotency_key="k").id for _ in range(3)}
        assert len(runs) == len(fake.runs) == 1
        with pytest.raises(Invalid, match="another body"):
            client.workflows.submit("greeting", {"name": "B"}, idempotency_key="k")


async def test_a_signal_ends_a_run_that_waits_for_it_and_an_ended_one_cannot_be_canceled():
    async with api().async_client() as client:
        await client.workflows.register(APPROVAL)
        run = await client.workflows.submit("approval")
        assert (await client.workflows.get(run.id)).status == "running"
        await client.workflows.signal(run.id, "go", {"ok": True})
        assert (await client.workflows.wait(run.id)).output == {"ask": {"ok": True}}
        with pytest.raises(Conflict):
            await client.workflows.cancel(run.id)


def test_what_a_server_would_refuse_is_refused_with_its_problems():
    with api().client() as client:
        with pytest.raises(Invalid) as failed:
            client.workflows.register("name: x\nversion: 1\ndag: {nodes: [{id: a, type: tool}]}")
        assert failed.value.problems
        client.workflows.register(GREETING)
        with pytest.raises(Invalid, match=r"inputs\.name: is missing"):
            client.workflows.submit("greeting")
        with pytest.raises(NotFound):
            client.workflows.submit("unknown")
        with pytest.raises(NotFound):
            client.workflows.get("unknown")


def test_a_path_that_it_does_not_have_says_so():
    with api().client() as client, pytest.raises(ServerFault, match="the fake API has no GET /api/v1/budgets"):
        client.budgets.list()


def test_a_workflow_may_name_a_prompt_by_its_label():
    fake = api()
    with fake.client() as client:
        for template in ("Greet {{name}}", "Greet {{title}} {{name}}"):
            client.prompts.create(name="greeter", template=template, labels=["production"])
        assert client.prompts.move_label("greeter", "production", version=1).version == 1
        flow = Workflow("labelled").llm("greet", "greeter@production").inputs(name="{{name}}").end()
        assert client.workflows.register(flow).required_inputs == ["name"]
        with pytest.raises(NotFound):
            client.prompts.move_label("greeter", "production", version=3)
