"""The known assets of three public repositories, and the score of a scan against them by kind."""

from __future__ import annotations

from collections.abc import Iterable

from caiso.engine.discover import ScanResult

Found = set[tuple[str, str]]

# repository and commit, for who wants to repeat the measurement
SOURCES = {
    "T1": ("alejandro-ao/ask-multiple-pdfs", "dc0155b3f909bc8a56b70d91d8ec550ace0fa921"),
    "T2": ("modelcontextprotocol/quickstart-resources", "0f4fc38f9c6609566606a427e05a1084737bd089"),
    "T3": ("huggingface/alignment-handbook", "925acdfe4b2b4e38c3dabd1851bc418f0b656351"),
}


def _all(kind: str, text: str) -> Found:
    return {(kind, name) for name in text.split()}


_WEATHER = (
    "weather-server-python/weather.py",
    "weather-server-go/main.go",
    "weather-server-ruby/weather.rb",
    "weather-server-rust/src/main.rs",
)
_WEATHER_TS = "weather-server-typescript/src/index.ts"

ACTIVE: dict[str, Found] = {
    "T1": {
        ("framework", "langchain"),
        ("provider", "OpenAI"),
        ("hosted_model", "ChatOpenAI"),
        ("hosted_model", "OpenAIEmbeddings"),
        ("vector_store", "FAISS"),
        ("pipeline", "ConversationalRetrievalChain"),
        ("memory", "ConversationBufferMemory"),
    }
    | _all("dependency", "openai faiss-cpu tiktoken")
    | _all("credential_reference", "OPENAI_API_KEY HUGGINGFACEHUB_API_TOKEN"),
    "T2": {("mcp_server", f"mcp_server:{path}#weather") for path in (*_WEATHER, _WEATHER_TS)}
    | {("tool", f"tool:{path}#{name}") for path in _WEATHER for name in ("get_alerts", "get_forecast")}
    | {("tool", f"tool:{_WEATHER_TS}#{name}") for name in ("get-alerts", "get-forecast")}
    | _all(
        "mcp_client",
        "mcp_client:mcp-client-python/client.py mcp_client:mcp-client-typescript/index.ts mcp_client:mcp-client-go/main.go "
        "mcp_client:mcp-client-ruby/client.rb mcp_client:mcp-client-rust/src/main.rs",
    )
    | {
        ("hosted_model", "claude-sonnet-5"),
        ("provider", "Anthropic"),
        ("ai_workflow", "ai_workflow:.github/workflows/claude.yml"),
        ("credential_reference", "ANTHROPIC_API_KEY"),
    }
    | _all(
        "dependency",
        "pkg:pypi/anthropic pkg:pypi/mcp pkg:pypi/mcp-types pkg:npm/@anthropic-ai/sdk pkg:npm/@modelcontextprotocol/client "
        "pkg:npm/@modelcontextprotocol/server pkg:golang/github.com/anthropics/anthropic-sdk-go "
        "pkg:golang/github.com/modelcontextprotocol/go-sdk pkg:gem/anthropic pkg:gem/mcp pkg:cargo/genai pkg:cargo/rmcp",
    ),
    "T3": _all(
        "model",
        "alignment-handbook/mistral-7b-sft-constitutional-ai mistralai/Mistral-7B-v0.1 teknium/OpenHermes-2.5-Mistral-7B "
        "alignment-handbook/zephyr-7b-sft-full HuggingFaceTB/SmolLM-360M loubnabnl/smollm2-1.7B-sft "
        "loubnabnl/smollm2-360M-sft HuggingFaceTB/SmolLM2-1.7B HuggingFaceTB/SmolLM2-360M "
        "HuggingFaceTB/SmolLM3-3B-checkpoints HuggingFaceTB/SmolLM3-3B-Base HuggingFaceH4/starchat2-15b-sft-v0.1 "
        "bigcode/starcoder2-15b mistral-community/Mixtral-8x22B-v0.1 alignment-handbook/zephyr-7b-sft-qlora "
        "HuggingFaceH4/zephyr-7b-gemma-sft-v0.1 google/gemma-7b "
        "mistral-7b-dpo-constitutional-ai mistral-7b-sft-constitutional-ai HuggingFaceH4/openhermes-2.5-mistral-7b-dpo "
        "zephyr-7b-align-scan smollm-360M-instruct-new smollm2-1.7B-dpo smollm2-360M-dpo smollm2-1.7B-sft smollm2-360M-sft "
        "starchat2-15b-dpo-v0.1 starchat2-15b-v0.1 zephyr-orpo-141b-A35b zephyr-7b-dpo-full zephyr-7b-dpo-qlora "
        "zephyr-7b-sft-full zephyr-7b-sft-qlora zephyr-7b-gemma-dpo zephyr-7b-gemma-sft",
    )
    | _all(
        "dataset",
        "HuggingFaceH4/cai-conversation-harmless HuggingFaceH4/ultrafeedback_binarized HuggingFaceH4/ultrachat_200k "
        "HuggingFaceH4/grok-conversation-harmless HuggingFaceH4/orca_dpo_pairs HuggingFaceTB/Magpie-Pro-300K-Filtered-H4 "
        "HuggingFaceTB/OpenHermes-2.5-H4 HuggingFaceTB/everyday-conversations-llama3.1-2k "
        "HuggingFaceTB/instruct-data-basics-smollm-H4 HuggingFaceTB/self-oss-instruct-sc2-H4 HuggingFaceTB/smoltalk "
        "HuggingFaceTB/smol-smoltalk HuggingFaceTB/smoltalk2 HuggingFaceH4/Code-Feedback HuggingFaceH4/SystemChat "
        "HuggingFaceH4/airoboros-3.2 HuggingFaceH4/capybara HuggingFaceH4/orca-math-word-problems-200k "
        "argilla/distilabel-capybara-dpo-7k-binarized argilla/dpo-mix-7k HuggingFaceH4/deita-10k-v0-sft",
    )
    | _all(
        "pipeline",
        "pipeline:scripts/sft.py#SFTTrainer pipeline:scripts/dpo.py#DPOTrainer pipeline:scripts/orpo.py#ORPOTrainer "
        "pipeline:recipes/launch.slurm",
    )
    | _all(
        "dependency",
        "accelerate bitsandbytes datasets deepspeed evaluate huggingface-hub liger-kernel peft safetensors sentencepiece torch "
        "transformers trl wandb",
    )
    | {("credential_reference", "HF_TOKEN")},
}

INACTIVE: dict[str, Found] = {
    "T1": _all("model", "hkunlp/instructor-xl google/flan-t5-xxl HuggingFaceInstructEmbeddings HuggingFaceHub")
    | _all("dependency", "huggingface-hub InstructorEmbedding sentence-transformers"),
    "T2": set(),
    "T3": _all("model", "Qwen/Qwen2-0.5B-Instruct Qwen/Qwen2.5-1.5B-Instruct")
    | _all("dataset", "trl-lib/ultrafeedback_binarized trl-lib/Capybara"),
}

TESTS: dict[str, Found] = {
    "T1": set(),
    "T2": {
        ("mcp_server", "mcp_server:tests/helpers/mock-mcp-server.ts#mock-test-server"),
        ("mcp_client", "mcp_client:tests/helpers/mcp-test-client.ts"),
        ("tool", "tool:tests/helpers/mock-mcp-server.ts#get_alerts"),
        ("tool", "tool:tests/helpers/mock-mcp-server.ts#get_forecast"),
    },
    "T3": set(),
}

# Kinds on which the known truth is silent for a repository: recipes are counted apart, templates are hashes.
UNJUDGED = {"recipe", "prompt"}


def score(result: ScanResult, status: str, truth: Found) -> dict[str, tuple[int, int, int]]:
    """By kind: right, missed, wrong. A truth is met by name or by identity."""
    found = [
        (asset.kind, asset.name, asset.identity)
        for asset in result.assets
        if asset.status == status and asset.kind not in UNJUDGED
    ]
    matched = {(kind, name) for kind, name, _ in found} | {(kind, identity) for kind, _, identity in found}
    wrong = [kind for kind, name, identity in found if not {(kind, name), (kind, identity)} & truth]
    kinds = {kind for kind, _ in truth} | set(wrong)
    return {
        kind: (
            len({item for item in truth & matched if item[0] == kind}),
            len({item for item in truth - matched if item[0] == kind}),
            wrong.count(kind),
        )
        for kind in sorted(kinds)
    }


def recall_and_precision(rows: Iterable[tuple[int, int, int]]) -> tuple[float, float]:
    right, missed, wrong = (sum(column) for column in zip(*rows, strict=True)) if rows else (0, 0, 0)
    return right / max(right + missed, 1), right / max(right + wrong, 1)
