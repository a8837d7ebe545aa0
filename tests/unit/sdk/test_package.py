"""What importing the package needs, and what it exports."""

import subprocess
import sys
from pathlib import Path

import agentflow

ROOT = Path(__file__).resolve().parents[3]


def python(code):
    env = {"PYTHONPATH": str(ROOT / "sdk")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, cwd="/")
    return done.stdout.split()


def test_every_exported_name_is_there():
    assert {name for name in agentflow.__all__ if getattr(agentflow, name) is None} == set()
    assert set(agentflow.__all__) <= set(dir(agentflow))
    assert not hasattr(agentflow, "no_such_name")


def test_the_decorators_need_the_standard_library_alone():
    loaded = python(
        "import sys; sys.modules['httpx'] = sys.modules['pydantic'] = None\n"
        "from agentflow import GenerateResponse, ToolContext, function, provider, tool\n"
        "print('httpx' in sys.modules and sys.modules['httpx'], 'yaml' in sys.modules)"
    )
    assert loaded == ["None", "False"]


def test_the_package_loads_nothing_heavy_before_it_is_used():
    heavy = ("httpx", "pydantic", "yaml", "msgspec", "orjson", "asyncio", "inspect", "dataclasses")
    assert python(f"import sys, agentflow; print(*[one for one in {heavy} if one in sys.modules])") == []


def test_the_client_and_the_builder_need_no_extra():
    extras = ("click", "rich", "yaml", "msgspec", "orjson", "cel_expr_python", "cronsim")
    code = (
        f"import sys\nfor one in {extras}: sys.modules[one] = None\n"
        "from agentflow import Client, Workflow\n"
        "w = Workflow('w').tool('a', 't').end()\nstr(w)\n"
        "Client('http://x', 'k').close()\n"
        "try: w.validate()\nexcept Exception as exc: print(exc)\n"
        "try: import agentflow.testing\nexcept Exception as exc: print(exc)\n"
    )
    assert " ".join(python(code)).count("pip install 'agentflow-sdk[testing]'") == 2
