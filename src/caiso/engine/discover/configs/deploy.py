"""Containers, Kubernetes objects, CI workflows, shell and job scripts, environment files."""

from __future__ import annotations

import re

from caiso.engine.discover.configs.documents import Node
from caiso.engine.discover.configs.sink import Sink, relate
from caiso.engine.discover.ids import dependency_group, engine_of, package_identity
from caiso.engine.discover.manifests.python import requirement
from caiso.engine.discover.records import Observation

# image -> (kind, provider or engine)
_IMAGES: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"(^|/)ollama/ollama"), "endpoint", "ollama"),
    (re.compile(r"(^|/)vllm/vllm-openai|(^|/)vllm-openai"), "endpoint", "vllm"),
    (re.compile(r"text-generation-inference|text-embeddings-inference"), "endpoint", "huggingface-inference"),
    (re.compile(r"lmsysorg/sglang"), "endpoint", "sglang"),
    (re.compile(r"berriai/litellm|litellm-database"), "endpoint", "litellm"),
    (re.compile(r"tritonserver"), "endpoint", "triton"),
    (re.compile(r"localai/localai|llama\.cpp|ggml-org/llama"), "endpoint", "llama.cpp"),
    (re.compile(r"chromadb/chroma|chroma-core/chroma"), "vector_store", "chroma"),
    (re.compile(r"qdrant/qdrant"), "vector_store", "qdrant"),
    (re.compile(r"semitechnologies/weaviate|weaviate/weaviate"), "vector_store", "weaviate"),
    (re.compile(r"milvusdb/milvus"), "vector_store", "milvus"),
    (re.compile(r"pgvector/pgvector|ankane/pgvector|timescale/timescaledb-ha"), "vector_store", "pgvector"),
)
_FLAGS = re.compile(r"--(?:model|model-id|model_id|model-path|served-model|hf-repo)[= ]+[\"']?([\w.\-]+/[\w.\-]+)")
_SHELL = re.compile(
    r"\b(?:ollama\s+(?:pull|run)\s+(?P<ollama>[\w.\-:/]+)"
    r"|vllm\s+serve\s+[\"']?(?P<vllm>[\w.\-]+/[\w.\-]+)"
    r"|(?:huggingface-cli|hf)\s+download\s+(?:--repo-type\s+(?P<type>dataset|model)\s+)?(?P<hf>[\w.\-]+/[\w.\-]+))"
)
_TRAIN_FLAG = re.compile(
    r"--(?P<key>model_name_or_path|base_model|pretrained_model_name_or_path|model_name|dataset_name|hub_model_id)[= ]+[\"']?(?P<id>[\w.\-]+/[\w.\-]+)"
)
_LAUNCH = re.compile(
    r"\b(?:accelerate\s+launch|torchrun|deepspeed\s|python\s+-m\s+torch\.distributed|axolotl\s+train|lighteval\s|vllm\s+serve|sglang\.launch_server|llamafactory-cli\s+train|trl\s+(?:sft|dpo|grpo)\b)"
)
_JOB = re.compile(r"^#SBATCH|^#PBS|^#\$\s-", re.MULTILINE)
_ACTIONS = re.compile(
    r"(?i)^(anthropics/claude-code(?:-base)?-action|openai/codex-action|google-github-actions/run-gemini-cli|"
    r"google-gemini/gemini-cli-action|actions/ai-inference|coderabbitai/[\w-]+|[\w-]+/(?:ai-pr-reviewer|chatgpt-[\w-]+|openai-pr-reviewer|"
    r"pr-agent|ai-review[\w-]*|gpt-[\w-]+|llm-[\w-]+)|qodo-ai/pr-agent|codium-ai/pr-agent|cursor/[\w-]+|aider-chat/[\w-]+|"
    r"[\w-]+/claude-[\w-]+|promptfoo/promptfoo-action|github/copilot[\w-]*|openhands/[\w-]+|all-hands-ai/[\w-]+)"
)
_RUNS = re.compile(
    r"(?<![\w/.-])(?:claude\s+(?:-p|--print|code)|codex\s+exec|gemini\s+(?:-p|--prompt|--yolo)|aider\s+-|npx\s+(?:@anthropic-ai/claude-code|promptfoo)|llm\s+-m|ollama\s+(?:run|pull|serve))"
)
_SECRET = re.compile(r"\$\{\{\s*secrets\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_NAME = re.compile(r"^\s*(?:export\s+)?([A-Z][A-Z0-9_]{3,80})\s*=", re.MULTILINE)
_COMMENTED_NAME = re.compile(r"^\s*#\s*(?:export\s+)?([A-Z][A-Z0-9_]{3,80})=", re.MULTILINE)


def read_images(sink: Sink, root: Node) -> None:
    """Services of Compose and containers of Kubernetes."""
    for node in root.walk():
        image = node.get("image")
        if image is None or image.shape != "text":
            if node.get("build") is not None or node.get("containers") is not None:
                _environment(sink, node)
            continue
        made = read_image(sink, image.text, image.line)
        _environment(sink, node)
        words = " ".join(
            item.text for key in ("command", "args") if (part := node.get(key)) for item in (part.items or (part,))
        )
        for match in _FLAGS.finditer(words):
            model = sink.model(match[1], image.line, "model of a model server")
            relate(made, "serves", model)


def _environment(sink: Sink, node: Node) -> None:
    environment = node.get("environment") or node.get("env")
    if environment is None:
        return
    for name, value in environment.pairs:
        sink.credential(name, value.line, "environment of a container")
        _hosted_value(sink, name, value.text, value.line)
    for item in environment.items:
        name, _, text = item.text.partition("=")
        label = name if item.shape == "text" else item.value("name")
        sink.credential(label.strip(), item.line, "environment of a container")
        _hosted_value(sink, label, text or item.value("value"), item.line)


def _hosted_value(sink: Sink, name: str, text: str, line: int) -> None:
    text = re.sub(r"^\$\{\w+:-([^}]*)\}$", r"\1", text.strip().strip("\"'"))
    if "MODEL" in name.upper() and text and sink.signatures.provider_of_model(text.split("/")[-1]) is not None:
        sink.any_model(text, line, "model named in the environment")
    elif text.startswith("http") and (sink.signatures.provider_of_url(text) is not None):
        sink.endpoint(text, line, "address named in the environment")


def read_image(sink: Sink, image: str, line: int) -> Observation | None:
    for pattern, kind, name in _IMAGES:
        if not pattern.search(image):
            continue
        if kind == "vector_store":
            engine, title = engine_of(name)
            return sink.add(
                "vector_store",
                title,
                f"vector_store:{engine}:container:{sink.path}",
                line,
                "container image",
                attributes={"engine": engine, "image": image},
                group=f"vector_store:{engine}",
                weak=2,
            )
        provider = sink.signatures.providers.get(name)
        if provider is not None:
            sink.provider(provider, line)
        return sink.add(
            "endpoint",
            f"{name} server",
            f"endpoint:container:{sink.path}#{name}",
            line,
            "container image of a model server",
            attributes={"server": name, "image": image},
        )
    return None


def read_dockerfile(sink: Sink, text: str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r"(?i)^\s*FROM\s+(?:--platform=\S+\s+)?(\S+)", line)
        if match:
            read_image(sink, match[1], number)
        match = re.match(r"(?i)^\s*(?:ENV|ARG)\s+([A-Z][A-Z0-9_]+)", line)
        if match:
            sink.credential(match[1], number, "variable of an image")
    read_commands(sink, text)


def read_commands(sink: Sink, text: str) -> None:
    """Models fetched or served by shell commands."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        for match in _SHELL.finditer(line):
            if match["ollama"]:
                sink.any_model(f"ollama/{match['ollama']}", number, "model fetched by a command")
            elif match["type"] == "dataset":
                sink.dataset(match["hf"], number, "dataset fetched by a command")
            else:
                sink.model(match["hf"] or match["vllm"], number, "model fetched by a command")
        for match in _TRAIN_FLAG.finditer(line):
            if match["key"] == "dataset_name":
                sink.dataset(match["id"], number, "dataset of a training command")
            else:
                role = "produced" if match["key"] == "hub_model_id" else "base"
                sink.model(match["id"], number, "model of a training command", role=[role])


def read_installs(sink: Sink, text: str) -> None:
    """Packages that a notebook installs into itself."""
    for match in re.finditer(r"\bpip3?\s+install\s+([^\n;&|]+)", text):
        for word in match[1].split():
            found = requirement(word.strip("\"'"), 0)
            package = sink.signatures.package("pypi", found.name) if found is not None else None
            if found is None or package is None or package.role == "carrier":
                continue
            sink.add(
                "dependency",
                found.name,
                package_identity("pypi", found.name),
                0,
                "package installed by a notebook",
                attributes={"role": [package.role], "versions": [found.version] if found.version else []},
                group=dependency_group("pypi", sink.signatures.declared_root("pypi", found.name)),
            )


def read_script(sink: Sink, text: str) -> None:
    """A shell script; one that launches training as a cluster job is a pipeline."""
    read_commands(sink, text)
    launch = _LAUNCH.search(text)
    if launch and (_JOB.search(text) or sink.path.endswith((".slurm", ".sbatch"))):
        sink.add(
            "pipeline",
            sink.path.rpartition("/")[2],
            f"pipeline:{sink.path}",
            text.count("\n", 0, launch.start()) + 1,
            "cluster job that launches training",
            attributes={"pipeline_kind": "training job"},
        )
    for match in re.finditer(r"^\s*export\s+([A-Z][A-Z0-9_]+)=", text, re.MULTILINE):
        sink.credential(match[1], text.count("\n", 0, match.start(1)) + 1, "credential set by a script")


def read_workflow(sink: Sink, root: Node, text: str) -> None:
    """A workflow is one of AI when a step runs a model or agent; a secret alone does not make it one."""
    jobs = root.get("jobs")
    if jobs is None:
        return
    line, detail = _ai_step(jobs)
    made: Observation | None = None
    if line:
        made = sink.add(
            "ai_workflow",
            root.value("name") or sink.path.rpartition("/")[2],
            f"ai_workflow:{sink.path}",
            line,
            "CI workflow that runs a model or agent",
            attributes={
                "uses": detail,
                "permissions": [key for key, _ in (root.get("permissions") or root).pairs][:10]
                if root.get("permissions")
                else [],
            },
        )
    for match in _SECRET.finditer(text):
        found = sink.credential(match[1], text.count("\n", 0, match.start()) + 1, "secret of a workflow")
        relate(made, "authenticates_with", found)


def _ai_step(jobs: Node) -> tuple[int, str]:
    for node in jobs.walk():
        uses = node.get("uses")
        if uses is not None and _ACTIONS.match(uses.text):
            return uses.line, uses.text
        run = node.get("run")
        match = _RUNS.search(run.text) if run is not None else None
        if run is not None and match:
            return run.line, match[0].strip()
    return 0, ""


def read_environment(sink: Sink, text: str) -> None:
    """Names of an environment file: values are not kept, model ids and addresses of providers are."""
    example = sink.path.rpartition("/")[2] != ".env"
    for match in _NAME.finditer(text):
        number = text.count("\n", 0, match.start(1)) + 1
        value = text[match.end() :].split("\n", 1)[0].split(" #")[0].strip().strip("\"'")
        sink.credential(match[1], number, "name in an environment file", example=example)
        _hosted_value(sink, match[1], value, number)
