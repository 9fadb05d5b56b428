"""Names and identities: what makes two sightings the same asset."""

from __future__ import annotations

import hashlib
import posixpath
import re
from urllib.parse import urlsplit

from caiso.engine.discover.signatures import Package, Provider, Signatures, normal_name

_MODEL_ID = re.compile(r"^(?=.{2,140}$)[A-Za-z0-9@~][\w.@:/+\- ]*[\w]$")
_PLACEHOLDER = re.compile(r"(?i)your[-_ ]|<|>|\{|\}|\.\.\.|xxx|example\.com|placeholder|my[-_](model|org|agent|deploy)")
_EXAMPLE_URL = re.compile(r"(?i)\byour[-_ ]|[<>]|xxx|placeholder")
_FILE_ENDINGS = (".py", ".json", ".yaml", ".yml", ".txt", ".csv", ".jsonl", ".parquet", ".html", ".md", ".toml")
_WEIGHTS = (".gguf", ".ggml", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".safetensors", ".h5", ".keras", ".pkl")
_ENGINES = (
    ("pgvec", "pgvector", "pgvector"),
    ("pgvector", "pgvector", "pgvector"),
    ("chroma", "chroma", "Chroma"),
    ("faiss", "faiss", "FAISS"),
    ("pinecone", "pinecone", "Pinecone"),
    ("qdrant", "qdrant", "Qdrant"),
    ("weaviate", "weaviate", "Weaviate"),
    ("milvus", "milvus", "Milvus"),
    ("zilliz", "milvus", "Milvus"),
    ("lance", "lancedb", "LanceDB"),
    ("elasticsearch", "elasticsearch", "Elasticsearch"),
    ("opensearch", "opensearch", "OpenSearch"),
    ("redis", "redis", "Redis"),
    ("mongodb", "mongodb", "MongoDB Atlas"),
    ("azure", "azure-ai-search", "Azure AI Search"),
    ("supabase", "supabase", "Supabase"),
    ("neo4j", "neo4j", "Neo4j"),
    ("astra", "astra", "Astra DB"),
    ("deeplake", "deeplake", "Deep Lake"),
    ("upstash", "upstash", "Upstash Vector"),
    ("libsql", "libsql", "LibSQL"),
    ("hnsw", "hnswlib", "HNSWLib"),
    ("llama-index", "llama-index", "LlamaIndex VectorStoreIndex"),
    ("inmemory", "in-memory", "in-memory"),
    ("memory", "in-memory", "in-memory"),
    ("simple", "in-memory", "in-memory"),
)


def engine_of(name: str) -> tuple[str, str]:
    """The index engine (id, title) that a class or package name speaks of."""
    lowered = name.lower()
    for part, identifier, title in _ENGINES:
        if part in lowered:
            return identifier, title
    return lowered, name


def package_identity(package_ecosystem: str, name: str) -> str:
    """The package URL without a version."""
    kind = {"go": "golang"}.get(package_ecosystem, package_ecosystem)
    return f"pkg:{kind}/{normal_name(package_ecosystem, name)}"


def plausible_model(text: str) -> bool:
    """Whether a text can be a model id at all."""
    return bool(_MODEL_ID.match(text)) and not _PLACEHOLDER.search(text) and " " not in text


def is_path(text: str) -> bool:
    """Whether a text is a file path rather than a hub id."""
    if text.startswith((".", "/", "~", "\\", "file:", "http:", "https:", "s3:", "gs:")) or "\\" in text:
        return True
    return text.lower().endswith((*_FILE_ENDINGS, *_WEIGHTS)) or text.count("/") > 1


def is_weights_path(text: str) -> bool:
    return text.lower().endswith(_WEIGHTS)


def hub_identity(name: str) -> str:
    """The identity of an open model by its hub id."""
    return f"pkg:huggingface/{name.strip()}"


def dataset_identity(name: str) -> str:
    return f"pkg:huggingface/datasets/{name.strip()}"


def split_route(text: str, signatures: Signatures) -> tuple[Provider | None, str]:
    """`anthropic/claude-x` and `openai:gpt-x` name the provider before the model."""
    for separator in ("/", ":"):
        head, found, rest = text.partition(separator)
        if found and rest:
            provider = signatures.provider_of_route(head)
            if provider is not None:
                return provider, rest
    return None, text


def text_identity(prefix: str, text: str) -> str:
    """The hash of a text with its white space made even."""
    digest = hashlib.sha256(" ".join(text.split()).encode()).hexdigest()
    return f"{prefix}:sha256:{digest[:32]}"


def url_identity(url: str) -> str:
    """Scheme, host, port and path; no user, query or fragment, for those may hold secrets.

    Empty for what is no address: bad syntax, a host made at run time, or a blank to fill in (``your-host``).
    """
    try:
        parts = urlsplit(url.strip())
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    if not parts.hostname or "{" in parts.hostname or " " in parts.hostname or _EXAMPLE_URL.search(parts.netloc):
        return ""
    path = re.split(r"[{$<]", parts.path)[0].rstrip("/")
    return f"{parts.scheme}://{parts.hostname}{port}{path}"


def place(path: str, symbol: str) -> str:
    """An identity inside the tree: file and qualified symbol, which survive moved lines."""
    return f"{path}#{symbol}"


def folder_of(path: str, roots: set[str]) -> str:
    """The nearest folder above a file that holds a manifest: the sub-project."""
    folder = posixpath.dirname(path)
    while folder and folder not in roots:
        folder = posixpath.dirname(folder)
    return folder


def framework_identity(package: Package) -> str:
    return f"framework:{package.title}"


def dependency_group(ecosystem: str, root: str) -> str:
    """What ties an import to the manifest line that declares its package."""
    return f"dependency:{ecosystem}:{root}"
