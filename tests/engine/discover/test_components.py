"""Agents, tools, Model Context Protocol parts, indexes, memory and guardrails, in Python and TypeScript."""

import pytest

from tests.engine.discover.trees import edges, of, one, python, scan_paths, typescript

AGENT = """
from agents import Agent, function_tool, input_guardrail, WebSearchTool
MODEL = "gpt-4o"
@function_tool
def refund(order: str) -> str: "Give money back."
def plain(): ...
@input_guardrail(name="No jailbreak")
async def guard(ctx, agent, text): ...
billing = Agent(name="Billing", model=MODEL, tools=[refund, WebSearchTool()], instructions="Help with bills and refunds.")
triage = Agent[dict](name="Triage", handoffs=[billing], input_guardrails=[guard])
billing.handoffs.append(triage)
"""


def test_an_agent_knows_its_model_tools_handoffs_and_guardrails() -> None:
    result = python(AGENT)
    agents = {asset.name: asset for asset in result.assets if asset.kind == "agent"}
    assert edges(result, agents["Billing"]) == {
        ("uses_model", "gpt-4o"),
        ("calls_tool", "refund"),
        ("calls_tool", "WebSearchTool"),
        ("hands_off_to", "Triage"),
        ("instructed_by", "Billing instructions"),
    }
    assert edges(result, agents["Triage"]) == {("hands_off_to", "Billing"), ("guarded_by", "guard")}
    assert "plain" not in of(result, "tool")


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (
            'from langgraph.prebuilt import create_react_agent\nhelper = create_react_agent("openai:gpt-4o", tools=[])',
            "helper",
        ),
        ('from langchain.agents import create_agent\na = create_agent(model="openai:gpt-4o", tools=[], name="x")', "x"),
        ('from crewai import Agent\nresearcher = Agent(role="Researcher", goal="g", backstory="b")', "Researcher"),
        ('from autogen import AssistantAgent\nAssistantAgent("coder", llm_config={"model": "gpt-4o"})', "coder"),
        ('from pydantic_ai import Agent\nbot = Agent("openai:gpt-4o")', "bot"),
        ('from smolagents import CodeAgent\nCodeAgent(name="c", tools=[], model=None)', "c"),
        ('from google.adk.agents import Agent\nroot_agent = Agent(name="r", model="gemini-9")', "r"),
        ("from llama_index.core.agent import ReActAgent\nr = ReActAgent.from_tools([])", "r"),
        ("from strands import Agent\nhelper = Agent(tools=[])", "helper"),
        ('from agno.agent import Agent\nAgent(name="n")', "n"),
        ("from haystack.components.agents import Agent\nhay = Agent(tools=[])", "hay"),
        ('from semantic_kernel.agents import ChatCompletionAgent\nChatCompletionAgent(name="sk")', "sk"),
    ],
)
def test_every_agent_framework_is_known(code: str, name: str) -> None:
    result = python(code)
    assert of(result, "agent") == [name]
    assert len(of(result, "framework")) == 1


def test_an_executor_is_the_agent_it_runs() -> None:
    result = python(
        """
        from langchain.agents import AgentExecutor, create_tool_calling_agent, tool
        from langchain_openai import ChatOpenAI
        @tool
        def lookup(q: str) -> str: "Find."
        tools = [lookup]
        agent = create_tool_calling_agent(ChatOpenAI(model="gpt-4o"), tools, None)
        runner = AgentExecutor(agent=agent, tools=tools)
        """
    )
    assert edges(result, one(result, "agent")) == {("uses_model", "gpt-4o"), ("calls_tool", "lookup")}


def test_a_crew_joins_code_and_its_yaml() -> None:
    result = scan_paths(
        {
            "crew.py": """
                from crewai import Agent, Crew, Task
                from crewai.project import CrewBase, agent, crew, task
                @CrewBase
                class Team:
                    @agent
                    def researcher(self) -> Agent:
                        return Agent(config=self.agents_config["researcher"])
                    @task
                    def dig(self) -> Task:
                        return Task(agent=self.researcher())
                    @crew
                    def crew(self) -> Crew:
                        return Crew(agents=[self.researcher()])
                """,
            "config/agents.yaml": "researcher:\n  role: Finder\n  goal: Find\n  backstory: Long\n",
        }
    )
    found = one(result, "agent")
    assert {item.path for item in found.evidence} == {"crew.py", "config/agents.yaml"}


def test_a_state_graph_with_tools_is_an_agent_and_without_a_pipeline() -> None:
    graph = "from langgraph.graph import StateGraph\nb = StateGraph(dict)\ngraph = b.compile()\n"
    tools = "from langgraph.prebuilt import ToolNode\ndef find(q): ...\nT = [find]\nb.add_node('t', ToolNode(T))\n"
    assert of(python(graph), "pipeline") == ["graph"]
    result = scan_paths({"app.py": graph + tools, "langgraph.json": '{"graphs": {"helper": "./app.py:graph"}}'})
    assert len(one(result, "agent").evidence) == 2
    assert of(result, "tool") == ["find"]


def test_a_tool_list_of_another_module_keeps_the_place_of_its_functions() -> None:
    result = scan_paths(
        {
            "pkg/__init__.py": "",
            "pkg/tools.py": "def find(q): ...\nTOOLS = [find]\n",
            "pkg/main.py": 'from langgraph.prebuilt import create_react_agent\nfrom pkg.tools import TOOLS\na = create_react_agent("openai:gpt-4o", TOOLS)\n',
        }
    )
    found = one(result, "tool")
    assert (found.evidence[0].path, found.evidence[0].line) == ("pkg/tools.py", 1)
    assert ("calls_tool", "find") in edges(result, one(result, "agent"))


@pytest.mark.parametrize(
    "code",
    [
        'from mcp.server.fastmcp import FastMCP\nmcp = FastMCP("weather")\n@mcp.tool()\ndef forecast(): ...',
        'from fastmcp import FastMCP\nmcp = FastMCP("weather")\n@mcp.tool\ndef forecast(): ...',
        'from mcp.server import MCPServer\nmcp = MCPServer("weather")\n@mcp.tool(name="forecast")\ndef f(): ...',
        'from mcp.server import Server\nimport mcp.types as types\nserver = Server("weather")\n@server.list_tools()\n'
        'async def tools():\n    return [types.Tool(name="forecast", description="d", inputSchema={})]',
    ],
)
def test_python_servers_own_their_tools(code: str) -> None:
    result = python(code)
    assert of(result, "mcp_server") == ["weather"]
    assert edges(result, one(result, "tool")) in ({("part_of", "weather")}, set())
    assert of(result, "tool") == ["forecast"]


def test_typescript_server_and_client() -> None:
    server = typescript(
        """
        import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
        const server = new McpServer({ name: "weather", version: "1" });
        server.registerTool("forecast", { description: "d" }, async () => ({}));
        server.tool("alerts", {}, async () => ({}));
        """
    )
    assert of(server, "tool") == ["alerts", "forecast"]
    assert edges(server, next(asset for asset in server.assets if asset.name == "alerts")) == {("part_of", "weather")}
    client = typescript(
        """
        import Anthropic from "@anthropic-ai/sdk";
        import { Client } from "@modelcontextprotocol/sdk/client/index.js";
        import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
        const MODEL = process.env.MODEL ?? "claude-x-1";
        class App {
          private anthropic: Anthropic;
          constructor() { this.anthropic = new Anthropic({ apiKey: process.env.ANTHROPIC_API_KEY }); }
          async go() {
            const c = new Client({ name: "cli" });
            await c.connect(new StdioClientTransport({ command: "node" }));
            return this.anthropic.messages.create({ model: MODEL, messages: [] });
          }
        }
        """
    )
    assert edges(client, one(client, "mcp_client")) == {("uses_model", "claude-x-1")}
    assert of(client, "credential_reference") == ["ANTHROPIC_API_KEY"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (
            "main.go",
            'package main\nimport "github.com/modelcontextprotocol/go-sdk/mcp"\n// mcp.AddTool(s, &mcp.Tool{Name: "off"}, f)\n'
            'func main() { s := mcp.NewServer(&mcp.Implementation{Name: "weather"}, nil)\n'
            ' mcp.AddTool(s, &mcp.Tool{Name: "forecast"}, f) }',
        ),
        (
            "w.rb",
            'require "mcp"\n# class Off < MCP::Tool\nclass Forecast < MCP::Tool\n  tool_name "forecast"\nend\n'
            's = MCP::Server.new(name: "weather", tools: [Forecast])',
        ),
        (
            "main.rs",
            'use rmcp::{tool, ServerHandler};\n/* #[tool] fn off() {} */\nimpl W {\n #[tool(description = "a (b)")]\n'
            ' async fn forecast(&self) {}\n}\nimpl ServerHandler for W { fn i(&self) { Implementation::new("weather", "1"); } }',
        ),
    ],
)
def test_servers_in_go_ruby_and_rust(path: str, code: str) -> None:
    result = scan_paths({path: code})
    assert of(result, "mcp_server") == ["weather"]
    assert of(result, "tool") == ["forecast"]
    assert edges(result, one(result, "tool")) == {("part_of", "weather")}


def test_vercel_tools_models_and_gateways() -> None:
    result = typescript(
        """
        import { generateText, tool } from "ai";
        import { openai } from "@ai-sdk/openai";
        import { createAnthropic } from "@ai-sdk/anthropic";
        const anthropic = createAnthropic({ apiKey: process.env.ANTHROPIC_API_KEY });
        export const weather = ({ city }) => tool({ description: "d", execute: async () => 1 });
        await generateText({ model: openai("gpt-4o"), tools: { clock: tool({ description: "t" }) }, prompt: "x" });
        await generateText({ model: anthropic("claude-x-1"), prompt: "x" });
        """
    )
    assert of(result, "hosted_model") == ["claude-x-1", "gpt-4o"]
    assert of(result, "tool") == ["clock", "weather"]
    assert of(result, "framework") == ["ai-sdk"]


def test_function_calling_schemas_are_tools_and_other_schemas_are_not() -> None:
    call = "from openai import OpenAI\nc = OpenAI()\n"
    schema = '{"name": "find", "description": "d", "parameters": {"type": "object", "properties": {}}}'
    assert of(python(call + f'tools = [{{"type": "function", "function": {schema}}}]'), "tool") == ["find"]
    assert of(python(call + 'rows = [{"name": "find", "description": "d", "parameters": 3}]'), "tool") == []
    assert of(python(call + 't = {"name": x.name, "description": "d", "input_schema": x.schema}'), "tool") == []


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ('import chromadb\nc = chromadb.PersistentClient(path="db")\nc.get_or_create_collection("docs")', "Chroma"),
        ('from langchain_chroma import Chroma\nChroma(collection_name="docs")', "Chroma"),
        ('from pinecone import Pinecone\npc = Pinecone()\npc.Index("docs")', "Pinecone"),
        (
            'from qdrant_client import QdrantClient\nq = QdrantClient(url="http://q")\nq.create_collection("docs")',
            "Qdrant",
        ),
        ("import faiss\nfaiss.IndexFlatL2(3)", "FAISS"),
        ('from langchain_postgres import PGVector\nPGVector(collection_name="docs")', "pgvector"),
        ('import lancedb\ndb = lancedb.connect("x")\ndb.create_table("docs")', "LanceDB"),
        (
            "from llama_index.core import VectorStoreIndex\nVectorStoreIndex.from_documents([])",
            "LlamaIndex VectorStoreIndex",
        ),
    ],
)
def test_an_index_is_one_asset(code: str, name: str) -> None:
    assert one(python(code), "vector_store").name == name


def test_two_collections_are_two_indexes_and_one_collection_in_two_files_is_one() -> None:
    make = 'from langchain_chroma import Chroma\nChroma(collection_name="{}")\n'
    assert len(of(scan_paths({"a.py": make.format("x"), "b.py": make.format("y")}), "vector_store")) == 2
    assert len(of(scan_paths({"a.py": make.format("x"), "b.py": make.format("x")}), "vector_store")) == 1


def test_agents_of_one_name_in_two_files_stay_two() -> None:
    code = 'from agents import Agent\nAgent(name="Helper")\n'
    assert len(of(scan_paths({"a/x.py": code, "b/x.py": code}), "agent")) == 2


def test_datasets_are_hub_ids_not_builders_or_files() -> None:
    result = python(
        'from datasets import load_dataset\nload_dataset("org/d")\nload_dataset("csv")\nload_dataset("./x.json")'
    )
    assert [asset.identity for asset in result.assets if asset.kind == "dataset"] == ["pkg:huggingface/datasets/org/d"]


def test_training_is_a_pipeline() -> None:
    result = python("from trl import SFTTrainer\ntrainer = SFTTrainer(model=None)\n")
    assert one(result, "pipeline").identity == "pipeline:app.py#SFTTrainer"


def test_a_use_through_a_star_import_counts_and_a_local_class_of_the_name_does_not() -> None:
    star = "from langchain.chat_models import *\nChatOpenAI(model='gpt-4o')\n"
    assert of(python(star), "hosted_model") == ["gpt-4o"]
    assert of(python(star + "class ChatOpenAI: ...\n"), "framework") == ["langchain"]
    local = "import openai\nclass FAISS: ...\nFAISS.from_texts([])\n"
    assert of(python(local), "vector_store") == []


def test_a_server_owns_its_prompts() -> None:
    result = typescript(
        """
        import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
        const server = new McpServer({ name: "weather", version: "1" });
        server.registerPrompt("greet", {}, () => ({}));
        """
    )
    assert edges(result, one(result, "prompt")) == {("part_of", "weather")}


def test_a_server_of_several_files_owns_the_tools_of_its_project() -> None:
    result = scan_paths(
        {
            "package.json": '{"dependencies": {"@modelcontextprotocol/sdk": "1"}}',
            "src/server.ts": 'import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";\n'
            'export const server = new McpServer({ name: "weather" });\n',
            "src/tools/echo.ts": 'import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";\n'
            'export const add = (server: McpServer) => { server.registerTool("echo", {}, f); };\n',
        }
    )
    assert edges(result, one(result, "tool")) == {("part_of", "weather")}


def test_a_chain_of_pipes_counts_when_it_retrieves() -> None:
    code = """
        from langchain_chroma import Chroma
        from langchain_openai import ChatOpenAI
        store = Chroma(collection_name="docs").as_retriever()
        llm = ChatOpenAI(model="gpt-4o")
        plain = prompt | llm
        rag = {"context": store | join, "q": ask} | prompt | llm
        """
    result = python(code)
    found = one(result, "pipeline")
    assert found.name == "rag"
    assert edges(result, found) == {("retrieves_from", "Chroma"), ("uses_model", "gpt-4o")}


def test_a_subclass_of_an_index_is_that_index() -> None:
    code = (
        "from llama_index.vector_stores.postgres import PGVectorStore\nclass Own(PGVectorStore): ...\n"
        "store = Own.from_params(table_name='docs')\n"
    )
    assert one(python(code), "vector_store").name == "pgvector"


def test_a_container_yields_to_the_index_that_code_opens() -> None:
    result = scan_paths(
        {
            "docker-compose.yml": "services:\n  db:\n    image: qdrant/qdrant\n",
            "a.py": "from qdrant_client import QdrantClient\nc = QdrantClient(host=h)\n",
        }
    )
    assert len(one(result, "vector_store").evidence) == 2


def test_a_runtime_is_no_provider() -> None:
    result = python("from vllm import LLM\nLLM(model='org/m')\n")
    assert of(result, "model") == ["org/m"] and of(result, "provider") == []


def test_a_hub_id_under_a_model_name_is_a_model_and_a_path_is_not() -> None:
    code = (
        "import torch\nMODEL_NAME = 'meta-llama/Llama-3.1-8B'\nCAR_MODEL = 'vehicles/truck'\nMODEL_DIR = 'out/model'\n"
    )
    assert of(python(code), "model") == ["meta-llama/Llama-3.1-8B"]
