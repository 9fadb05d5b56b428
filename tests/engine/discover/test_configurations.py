"""Recipes, client configurations, containers, workflows, environment files, notebooks and cards."""

import json

import pytest

from tests.engine.discover.trees import edges, of, one, scan_paths

RECIPE = """
model_name_or_path: org/base
model_revision: v2
learning_rate: 1.0e-5
hub_model_id: product
chat_template: "{% for m in messages %}{{ m }}{% endfor %}"
"""


@pytest.mark.parametrize(
    "data",
    [
        "dataset_name: org/data\n",
        "dataset_mixer:\n  org/data: 1.0\n",
        "dataset_mixture:\n  datasets:\n    - id: 'org/data '\n      split: train\n",
        "datasets:\n  - path: org/data\n    type: chat\n",
    ],
)
def test_a_recipe_links_base_data_and_product(data: str) -> None:
    result = scan_paths({"recipes/a.yaml": RECIPE + data})
    recipe = one(result, "recipe")
    assert {
        ("fine_tuned_from", "org/base"),
        ("trained_on", "org/data"),
        ("produces", "product"),
        ("uses_prompt", "chat template of recipes/a.yaml"),
    } == edges(result, recipe)
    assert recipe.attributes["chat_template"] is True
    base = next(asset for asset in result.assets if asset.name == "org/base")
    assert base.attributes["revisions"] == ["v2"]


def test_accelerate_settings_are_no_recipe() -> None:
    assert scan_paths({"acc.yaml": "distributed_type: FSDP\nnum_processes: 8\nmixed_precision: bf16\n"}).assets == []


def test_a_gateway_names_routes_addresses_and_keys() -> None:
    result = scan_paths(
        {
            "config.yaml": """
            model_list:
              - model_name: fast
                litellm_params:
                  model: anthropic/claude-x-1
                  api_key: os.environ/ANTHROPIC_API_KEY
              - model_name: local
                litellm_params:
                  model: ollama/llama3
                  api_base: http://gpu.example:11434
            """
        }
    )
    assert of(result, "hosted_model") == ["claude-x-1"] and of(result, "model") == ["llama3"]
    assert of(result, "endpoint") == ["http://gpu.example:11434"]
    assert of(result, "credential_reference") == ["ANTHROPIC_API_KEY"]


def test_a_client_configuration_lists_servers_by_what_they_launch() -> None:
    servers = {
        "files": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem@1.2", "/data"]},
        "search": {
            "command": "docker",
            "args": ["run", "-i", "--rm", "-e", "BRAVE_API_KEY", "mcp/brave"],
            "env": {"BRAVE_API_KEY": "s3cret"},
        },
        "remote": {"url": "https://mcp.example/sse?token=s3cret"},
    }
    result = scan_paths({".mcp.json": json.dumps({"mcpServers": servers}, indent=1)})
    found = {asset.name: asset.identity for asset in result.assets if asset.kind == "mcp_server"}
    assert found == {
        "files": "mcp_server:stdio:npx:@modelcontextprotocol/server-filesystem",
        "search": "mcp_server:stdio:docker:mcp/brave",
        "remote": "mcp_server:https://mcp.example/sse",
    }
    assert of(result, "credential_reference") == ["BRAVE_API_KEY"]
    assert "s3cret" not in json.dumps(result.as_dict())


def test_vscode_and_cursor_configurations_are_read_and_other_server_lists_are_not() -> None:
    entry = {"x": {"command": "uvx", "args": ["mcp-x"]}}
    assert of(scan_paths({".vscode/mcp.json": json.dumps({"servers": entry})}), "mcp_server") == ["x"]
    assert of(scan_paths({".cursor/mcp.json": json.dumps({"mcpServers": entry})}), "mcp_server") == ["x"]
    assert scan_paths({"openapi.json": json.dumps({"servers": [{"url": "https://x.example"}]})}).assets == []


def test_compose_services_are_model_servers_indexes_and_credentials() -> None:
    result = scan_paths(
        {
            "docker-compose.yml": """
            services:
              llm:
                image: vllm/vllm-openai:latest
                command: ["--model", "org/served"]
              db:
                image: qdrant/qdrant:v1
              web:
                image: nginx
                environment:
                  - OPENAI_API_KEY=${OPENAI_API_KEY}
                  - CHAT_MODEL=gpt-4o
            """
        }
    )
    assert of(result, "endpoint") == ["vllm server"] and of(result, "model") == ["org/served"]
    assert of(result, "vector_store") == ["Qdrant"] and of(result, "hosted_model") == ["gpt-4o"]
    assert of(result, "credential_reference") == ["OPENAI_API_KEY"]


def test_kubernetes_and_dockerfiles() -> None:
    result = scan_paths(
        {
            "k8s.yaml": """
            apiVersion: apps/v1
            kind: Deployment
            spec:
              template:
                spec:
                  containers:
                    - name: tgi
                      image: ghcr.io/huggingface/text-generation-inference:2
                      args: ["--model-id", "org/k8s"]
                      env:
                        - name: HF_TOKEN
                          valueFrom: {secretKeyRef: {name: a, key: b}}
            """,
            "Dockerfile": "FROM ollama/ollama:latest\nRUN ollama pull llama3.2\nENV HF_TOKEN=x\n",
        }
    )
    assert of(result, "model") == ["llama3.2", "org/k8s"]
    assert len(of(result, "endpoint")) == 2
    assert len(one(result, "credential_reference").evidence) == 2


def test_only_a_workflow_that_runs_a_model_is_one_of_ai() -> None:
    ai = "on: push\njobs:\n  a:\n    steps:\n      - uses: anthropics/claude-code-action@v1\n        with:\n          k: ${{ secrets.ANTHROPIC_API_KEY }}\n"
    plain = "on: push\njobs:\n  a:\n    env:\n      HF_TOKEN: ${{ secrets.HF_TOKEN }}\n      GH: ${{ secrets.GITHUB_TOKEN }}\n    steps:\n      - run: pytest\n"
    result = scan_paths({".github/workflows/ai.yml": ai, ".github/workflows/ci.yml": plain})
    assert edges(result, one(result, "ai_workflow")) == {("authenticates_with", "ANTHROPIC_API_KEY")}
    assert of(result, "credential_reference") == ["ANTHROPIC_API_KEY", "HF_TOKEN"]


def test_environment_files_give_names_never_values() -> None:
    text = "OPENAI_API_KEY=sk-live-value\nDATABASE_PASSWORD=x\nexport GROQ_API_KEY='v'\n# COHERE_API_KEY=\nLLM_MODEL=gpt-4o\n"
    result = scan_paths({".env.example": text})
    assert of(result, "credential_reference") == ["GROQ_API_KEY", "OPENAI_API_KEY"]
    assert of(result, "hosted_model") == ["gpt-4o"]
    assert "sk-live-value" not in json.dumps(result.as_dict())


def test_a_secret_in_the_open_is_a_fingerprint() -> None:
    secret = "sk-ant-" + "aB3dE5gH7jK9mN1pQ2rS4tU6"
    result = scan_paths({"a.py": f'KEY = "{secret}"\n', "b.py": 'KEY = "sk-ant-your-key-xxxxxxxxxxxxxxxxxxxxx"\n'})
    found = one(result, "credential_reference")
    assert found.attributes["exposed"] is True and str(found.attributes["fingerprint"]).startswith("sha256:")
    assert secret not in json.dumps(result.as_dict())


def notebook(*cells: str) -> str:
    made = [{"cell_type": "code", "metadata": {}, "source": cell.splitlines(keepends=True)} for cell in cells]
    return json.dumps({"cells": made, "nbformat": 4}, indent=1)


def test_a_notebook_is_read_as_code_and_proved_by_its_own_lines() -> None:
    text = notebook(
        "%pip install openai\nimport os", "from openai import OpenAI\nc = OpenAI()\nc.responses.create(model='gpt-4o')"
    )
    result = scan_paths({"nb.ipynb": text})
    line = one(result, "hosted_model").evidence[0].line
    assert "gpt-4o" in text.splitlines()[line - 1]
    assert edges(result, one(result, "notebook")) == {("uses", "gpt-4o")}


def test_a_notebook_without_ai_is_none() -> None:
    assert scan_paths({"nb.ipynb": notebook("import pandas as pd")}).assets == []


def test_a_card_names_base_and_data_and_a_plain_readme_does_not() -> None:
    result = scan_paths({"README.md": "---\nlicense: mit\nbase_model: org/base\ndatasets:\n- org/d\n---\n# x\n"})
    assert of(result, "model") == ["org/base"] and of(result, "dataset") == ["org/d"]
    assert scan_paths({"README.md": "# Use org/base with gpt-4o\n```\nmodel: gpt-4o\n```\n"}).assets == []


def test_a_training_job_script_is_a_pipeline() -> None:
    script = "#!/bin/bash\n#SBATCH --gres=gpu:8\naccelerate launch train.py --model_name_or_path org/base\n"
    result = scan_paths({"launch.slurm": script})
    assert of(result, "pipeline") == ["launch.slurm"] and of(result, "model") == ["org/base"]
