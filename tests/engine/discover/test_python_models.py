"""Model ids in Python: through constants, defaults, settings, look-ups and clients; and what is none."""

import pytest

from tests.engine.discover.trees import edges, of, one, python, scan_paths

CALL = "from openai import OpenAI\nclient = OpenAI()\n"


@pytest.mark.parametrize(
    "code",
    [
        'client.chat.completions.create(model="gpt-4o")',
        'MODEL = "gpt-4o"\nclient.chat.completions.create(model=MODEL)',
        'import os\nM = os.getenv("OPENAI_MODEL", "gpt-4o")\nclient.responses.create(model=M)',
        'import os\nM = os.environ.get("M") or "gpt-4o"\nclient.responses.create(model=M)',
        'MODELS = {"fast": "gpt-4o"}\nclient.responses.create(model=MODELS["fast"])',
        'class Settings:\n    model = "gpt-4o"\ns = Settings()\nclient.responses.create(model=s.model)',
        'class C:\n    def __init__(self):\n        self.m = "gpt-4o"\n    def go(self):\n        client.responses.create(model=self.m)',
        'def ask(model="gpt-4o"):\n    client.responses.create(model=model)',
        'def ask(m):\n    client.responses.create(model=m)\nask("gpt-4o")',
        'import argparse\np = argparse.ArgumentParser()\np.add_argument("--model-name", default="gpt-4o")\n'
        "a = p.parse_args()\nclient.responses.create(model=a.model_name)",
        'def pick():\n    return "gpt-4o"\nclient.responses.create(model=pick())',
        'N = "4o"\nclient.responses.create(model=f"gpt-{N}")',
        'client.responses.create(**{"model": "gpt-4o"})',
        'from enum import Enum\nclass M(Enum):\n    BIG = "gpt-4o"\nclient.responses.create(model=M.BIG.value)',
        'for m in ["gpt-4o"]:\n    client.responses.create(model=m)',
    ],
)
def test_a_model_id_is_followed_to_its_constant(code: str) -> None:
    found = one(python(CALL + code), "hosted_model")
    assert (found.name, found.identity) == ("gpt-4o", "openai/gpt-4o")


def test_a_label_in_capitals_is_the_model_that_the_provider_writes_small() -> None:
    result = python(CALL + 'client.responses.create(model="GPT-4o")\nclient.responses.create(model="gpt-4o")')
    assert of(result, "hosted_model") == ["gpt-4o"]


@pytest.mark.parametrize("host", ["your-resource.openai.azure.com", "<host>", "your_instance.azure.com"])
def test_a_blank_to_fill_in_is_no_endpoint(host: str) -> None:
    result = python(f'from openai import OpenAI\nclient = OpenAI(base_url="https://{host}/v1")\n')
    assert of(result, "endpoint") == []


def test_constants_and_settings_of_other_modules_are_followed() -> None:
    result = scan_paths(
        {
            "pkg/__init__.py": "",
            "pkg/config.py": 'MODEL = "gpt-4o"\nclass Settings:\n    embed: str = "text-embedding-3-small"\nsettings = Settings()\n',
            "pkg/main.py": "from openai import OpenAI\nfrom .config import MODEL, settings\nc = OpenAI()\n"
            "c.responses.create(model=MODEL)\nc.embeddings.create(model=settings.embed)\n",
        }
    )
    assert of(result, "hosted_model") == ["gpt-4o", "text-embedding-3-small"]


@pytest.mark.parametrize(
    ("code", "identity"),
    [
        ('from anthropic import Anthropic as A\nA().messages.create(model="claude-x-1")', "anthropic/claude-x-1"),
        ('import anthropic\nanthropic.AsyncAnthropic().messages.create(model="claude-x-1")', "anthropic/claude-x-1"),
        ('import google.generativeai as genai\ngenai.GenerativeModel("gemini-9-pro")', "google/gemini-9-pro"),
        (
            'from google import genai\nc = genai.Client()\nc.models.generate_content(model="gemini-9", contents="")',
            "google/gemini-9",
        ),
        ('from mistralai import Mistral\nMistral().chat.complete(model="open-mistral-7b")', "mistral/open-mistral-7b"),
        ('import cohere\nco = cohere.ClientV2("k")\nco.chat(model="command-r")', "cohere/command-r"),
        ('from groq import Groq\nGroq().chat.completions.create(model="llama-3.3-70b")', "groq/llama-3.3-70b"),
        ('import litellm\nlitellm.completion(model="anthropic/claude-x-1")', "anthropic/claude-x-1"),
        ('from litellm import completion\ncompletion("gpt-4o")', "openai/gpt-4o"),
        (
            'import boto3\nb = boto3.client("bedrock-runtime")\nb.converse(modelId="anthropic.claude-3")',
            "bedrock/anthropic.claude-3",
        ),
        (
            'from openai import AzureOpenAI\nAzureOpenAI().chat.completions.create(model="my-gpt4")',
            "azure-openai/my-gpt4",
        ),
        (
            'from openai import OpenAI\nc = OpenAI(base_url="https://api.deepseek.com/v1")\nc.chat.completions.create(model="deepseek-chat")',
            "deepseek/deepseek-chat",
        ),
        ('from langchain_openai import ChatOpenAI\nChatOpenAI(model="gpt-4o")', "openai/gpt-4o"),
        (
            'from langchain.chat_models import init_chat_model\ninit_chat_model("anthropic:claude-x-1")',
            "anthropic/claude-x-1",
        ),
        ('from crewai import LLM\nLLM(model="gemini/gemini-9")', "google/gemini-9"),
        ('import dspy\ndspy.LM("openai/gpt-4o")', "openai/gpt-4o"),
    ],
)
def test_every_sdk_names_its_provider(code: str, identity: str) -> None:
    assert [asset.identity for asset in python(code).assets if asset.kind == "hosted_model"] == [identity]


@pytest.mark.parametrize(
    ("code", "identity"),
    [
        ('from transformers import AutoModelForCausalLM as A\nA.from_pretrained("org/m")', "pkg:huggingface/org/m"),
        ('from transformers import pipeline\npipeline("ner", model="org/m")', "pkg:huggingface/org/m"),
        (
            'from sentence_transformers import SentenceTransformer\nSentenceTransformer("all-MiniLM-L6-v2")',
            "pkg:huggingface/sentence-transformers/all-MiniLM-L6-v2",
        ),
        ('import ollama\nollama.chat(model="llama3:latest")', "ollama/llama3"),
        ('from vllm import LLM\nLLM(model="org/m")', "pkg:huggingface/org/m"),
        ('from langchain_ollama import ChatOllama\nChatOllama(model="qwen3")', "ollama/qwen3"),
    ],
)
def test_open_weights_are_models_not_hosted_ones(code: str, identity: str) -> None:
    assert one(python(code), "model").identity == identity


def test_a_base_url_is_an_endpoint_without_its_secrets() -> None:
    found = one(
        python('from openai import OpenAI\nOpenAI(base_url="https://u:pw@llm.corp.example/v1?key=s")'), "endpoint"
    )
    assert found.name == "https://llm.corp.example/v1"


def test_a_class_without_a_model_id_is_the_library_default() -> None:
    found = one(python("from langchain_openai import ChatOpenAI\nllm = ChatOpenAI()"), "hosted_model")
    assert found.attributes["model_id"] == "unresolved"


def test_a_run_time_model_id_gives_way_to_a_known_one() -> None:
    unknown = "import sys\nclient.responses.create(model=sys.argv[1])\n"
    assert one(python(CALL + unknown), "hosted_model").attributes["model_id"] == "unresolved"
    assert of(python(CALL + unknown + 'client.responses.create(model="gpt-4o")'), "hosted_model") == ["gpt-4o"]


@pytest.mark.parametrize(
    "code",
    [
        'import json\njson.loads(\'{"model": "gpt-4o"}\')',
        'name = "claude"\ncolour_model = "RGB"',
        "from django.db import models\nclass A(models.Model):\n    model = models.CharField()",
        'print("ask gpt-4o for help")',
        'CAR = {"model": "T-1000"}',
        'x = "command-line"\nmodel = "linear"',
    ],
)
def test_code_without_ai_has_no_models(code: str) -> None:
    assert python(code).assets == []


def test_a_local_module_is_not_the_package_of_its_name() -> None:
    code = 'from agents import Agent\nAgent(name="x", model="m")\n'
    shadowed = scan_paths({"main.py": code, "agents.py": "class Agent: ..."})
    assert of(shadowed, "agent") == [] and of(shadowed, "framework") == []
    assert of(scan_paths({"main.py": code}), "agent") == ["x"]


def test_a_sibling_inside_a_package_shadows_nothing() -> None:
    result = scan_paths(
        {
            "llms/__init__.py": "",
            "llms/openai.py": "from openai import OpenAI\nOpenAI()",
            "llms/other.py": "from openai import OpenAI\nOpenAI()",
        }
    )
    assert {item.path for item in one(result, "provider").evidence} == {"llms/openai.py", "llms/other.py"}


def test_comments_docstrings_and_unused_imports_are_inactive() -> None:
    result = python(
        '''
        """Run: train.py --model_name_or_path org/in-docstring --dataset_name org/data"""
        from langchain.llms import HuggingFaceHub
        from langchain.chat_models import ChatOpenAI
        llm = ChatOpenAI(model="gpt-4o")
        # llm = HuggingFaceHub(repo_id="org/commented")
        '''
    )
    assert of(result, "model") == []
    assert of(result, "model", "inactive") == ["HuggingFaceHub", "org/commented", "org/in-docstring"]
    assert of(result, "dataset", "inactive") == ["org/data"]


def test_tests_and_examples_are_a_class_of_their_own_until_used_elsewhere() -> None:
    code = CALL + 'client.responses.create(model="gpt-4o")'
    assert one(scan_paths({"tests/test_a.py": code}), "hosted_model").status == "test"
    assert one(scan_paths({"examples/a.py": code, "src/a.py": code}), "hosted_model").status == "active"


def test_evidence_names_path_line_and_rule() -> None:
    found = one(python(CALL + 'client.responses.create(model="gpt-4o")'), "hosted_model")
    first = found.evidence[0]
    assert (first.path, first.line, first.technique) == ("app.py", 3, "syntax tree")
    assert 0 < first.confidence <= 1


def test_a_chain_knows_its_model_index_and_memory() -> None:
    result = python(
        """
        from langchain.chat_models import ChatOpenAI
        from langchain.vectorstores import FAISS
        from langchain.embeddings import OpenAIEmbeddings
        from langchain.memory import ConversationBufferMemory
        from langchain.chains import ConversationalRetrievalChain
        def index(texts):
            return FAISS.from_texts(texts=texts, embedding=OpenAIEmbeddings())
        def chain(store):
            llm = ChatOpenAI()
            memory = ConversationBufferMemory()
            return ConversationalRetrievalChain.from_llm(llm=llm, retriever=store.as_retriever(), memory=memory)
        chain(index([]))
        """
    )
    assert edges(result, one(result, "pipeline")) == {
        ("uses_model", "ChatOpenAI"),
        ("retrieves_from", "FAISS"),
        ("remembers_in", "ConversationBufferMemory"),
    }
    assert edges(result, one(result, "vector_store")) == {("embedded_with", "OpenAIEmbeddings")}
