"""Doubts about the packages that a tool call installs: names that look like others, foreign indexes, bare addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

_TEXT_LIMIT: Final = 16_384
_MAX_NAMES: Final = 200
_SHORTEST: Final = 6  # shorter names have honest neighbours one letter away

_INSTALL = re.compile(
    r"\b(?P<tool>pip[0-9.]{0,4}|pipx|uv(?:\s+pip)?|poetry|pdm|conda|mamba|npm|pnpm|yarn|bun|npx|gem|cargo)"
    r"(?:[\"',\s\\]{1,6})(?P<verb>install|add|i|run)\b(?P<rest>[^\n;|&]{0,1500})"
)
_REQUIREMENT_FILE = re.compile(r"requirements[\w.-]{0,30}\.(?:txt|in)\b")
_REQUIREMENT = re.compile(r"(?m)^\s*([A-Za-z0-9][A-Za-z0-9._-]{1,60})\s*(?:\[[^\]]*\])?\s*(?:[=<>~!]=|[<>]|$)")
_NAME = re.compile(r"(?:^|[\s\"',])(@?[A-Za-z0-9][A-Za-z0-9._/-]{1,80})(?=[\s\"',@=<>~!\[\\)\]}]|$)")
_INDEX = re.compile(
    r"(?:--(?:extra-)?index-url|--registry|--find-links|\s-i|\s-f)[\s=\"',\\]{1,4}(https?://[^\s\"'\\]+)"
)
_DIRECT = re.compile(r"(?:git\+(?:https?|ssh|git)://|https?://)[^\s\"'\\]+")
_HOST = re.compile(r"://(?:[^\s/@\"']*@)?([^\s/:\"'\\]+)")
_COMMIT = re.compile(r"@[0-9a-f]{7,40}\b")
_PRIVATE = re.compile(
    r"(?:^(?:localhost|127\.|10\.|192\.168\.|172\.(?:1[6-9]|2[0-9]|3[01])\.)|\.(?:internal|intranet|corp|local|lan|home|test)$|\.(?:int|internal|intra|intranet|corp)\.[a-z0-9-]{1,60}\.[a-z]{2,12}$|^[^.]+$)"
)
# An index of the house, as firms call it; a mirror that anybody runs is called so, too.
_HOUSE = re.compile(
    r"^(?:pypi|npm|nexus|artifactory|devpi|proget|verdaccio|packagist)[a-z0-9-]{0,20}\.[a-z0-9-]{2,60}\.[a-z0-9.-]{2,40}$"
)
_MIRROR = re.compile(r"mirror|fast|free|speed|cdn|cheap|proxy|public|open")
_KNOWN_HOSTS: Final = (
    "pypi.org", "pythonhosted.org", "npmjs.org", "npmjs.com", "yarnpkg.com", "pytorch.org", "nvidia.com", "jfrog.io",
    "pkg.dev", "azure.com", "amazonaws.com", "anaconda.org", "anaconda.com", "rubygems.org", "crates.io", "pyg.org",
    "npm.pkg.github.com", "gitlab.com", "intel.com", "googleapis.com", "cloudsmith.io", "gemfury.com",
)  # fmt: skip

_PYTHON: Final = frozenset((
    "requests", "urllib3", "numpy", "pandas", "scipy", "matplotlib", "seaborn", "scikit-learn", "tensorflow", "keras",
    "torch", "torchvision", "transformers", "datasets", "tokenizers", "huggingface-hub", "sentence-transformers",
    "langchain", "langchain-core", "langchain-openai", "langgraph", "llama-index", "openai", "anthropic", "tiktoken",
    "pydantic", "fastapi", "uvicorn", "starlette", "flask", "django", "sqlalchemy", "alembic", "celery", "boto3",
    "botocore", "awscli", "google-cloud-storage", "azure-identity", "cryptography", "paramiko", "pycrypto",
    "pycryptodome", "pyjwt", "python-dateutil", "python-dotenv", "python-jose", "jinja2", "markupsafe", "click",
    "typer", "pyyaml", "simplejson", "orjson", "beautifulsoup4", "lxml", "selenium", "playwright", "scrapy",
    "aiohttp", "httpx", "websockets", "pytest", "pytest-cov", "coverage", "setuptools", "virtualenv", "poetry",
    "pipenv", "black", "pylint", "flake8", "mypy", "pillow", "opencv-python", "pyarrow", "polars", "duckdb",
    "psycopg2", "psycopg2-binary", "pymongo", "redis", "kubernetes", "ansible", "docker", "colorama", "tqdm",
    "tabulate", "openpyxl", "xlsxwriter", "networkx", "sympy", "statsmodels", "xgboost", "lightgbm", "catboost",
    "gensim", "spacy", "streamlit", "gradio", "jupyter", "notebook", "ipython", "gunicorn", "supervisor", "loguru",
    "structlog", "attrs", "jsonschema", "marshmallow", "werkzeug", "itsdangerous", "passlib", "bcrypt", "discord",
    "telethon", "tweepy", "stripe", "twilio", "sendgrid", "feedparser", "pyautogui", "pyperclip", "pyinstaller",
    "mlflow", "wandb", "accelerate", "bitsandbytes", "chromadb", "pinecone", "weaviate-client", "diffusers", "peft",
    "vllm", "onnxruntime", "onnx", "safetensors", "gradio-client",
))  # fmt: skip
_NODE: Final = frozenset((
    "express", "lodash", "react", "react-dom", "react-native", "angular", "vue", "next", "axios", "moment", "dayjs",
    "chalk", "commander", "inquirer", "webpack", "babel", "eslint", "prettier", "typescript", "mongoose", "sequelize",
    "socket.io", "jsonwebtoken", "bcrypt", "bcryptjs", "dotenv", "cors", "nodemon", "cross-env", "electron",
    "puppeteer", "playwright", "cheerio", "request", "async", "underscore", "jquery", "bootstrap", "tailwindcss",
    "redux", "graphql", "apollo-server", "prisma", "passport", "body-parser", "cookie-parser", "multer", "nodemailer",
    "uuid", "yargs", "minimist", "rimraf", "glob", "debug", "colors", "semver", "rollup", "esbuild", "vitest", "jest",
    "mocha", "cypress", "openai", "langchain", "discord.js", "web3", "ethers", "helmet", "winston", "morgan",
    "validator", "ioredis", "mysql2", "mongodb", "sharp", "styled-components", "framer-motion",
))  # fmt: skip
_HONEST: Final = frozenset((  # real packages that are one step from another
    "psycopg", "preact", "asyncio", "color", "polars", "aredis", "aioredis", "numpyro", "tornado",
    "pycryptodomex", "dataset", "tokenizer", "nuxt", "nextcord", "attr", "unicorn", "lodash-es", "nest", "gulp",
    "python", "network", "server", "validators", "scrapyd", "openapi", "flake8", "prism", "dayjs", "vitepress", "pylint", "jest", "typed-ast",
))  # fmt: skip
# Names that were, or are, somebody else's: deprecated or taken by squatters.
_TRAPS: Final = frozenset((
    "sklearn", "beautifulsoup", "python-sqlite", "crypto", "opencv", "pytorch", "urllib", "python3-dateutil",
    "jeilyfish", "colourama", "diango", "acqusition", "setup-tools", "cofee-script", "electorn", "jquerry",
))  # fmt: skip
_SQUEEZED: Final = {re.sub(r"[._-]", "", name): name for name in _PYTHON | _NODE}


def doubts_of(arguments: str) -> list[str]:
    """What is odd about the packages in a call's arguments: ``lookalike``, ``foreign_index``, ``direct``."""
    if not arguments:
        return []
    text = arguments[:_TEXT_LIMIT]
    found: set[str] = set()
    for match in _INSTALL.finditer(text) if _names_a_tool(text) else ():
        rest = match["rest"].replace("\\n", " ")
        if any(_is_foreign(url[1]) for url in _INDEX.finditer(" " + rest)):
            found.add("foreign_index")
        without = _INDEX.sub(" ", " " + rest)
        if any(_is_stray(url[0]) for url in _DIRECT.finditer(without)):
            found.add("direct")
        if any(map(_is_lookalike, _names(_DIRECT.sub(" ", without)))):
            found.add("lookalike")
    if "requirements" in text and _REQUIREMENT_FILE.search(text):
        lines = text.replace("\\n", "\n")
        if any(_is_lookalike(match[1]) for match in _REQUIREMENT.finditer(lines)):
            found.add("lookalike")
    return sorted(found)


def _names_a_tool(text: str) -> bool:
    # Spelt out: asked of every call, and a loop would cost more than the questions.
    return (
        "pip" in text or "npm" in text or "npx" in text or "uv" in text or "gem" in text or "bun" in text
        or "yarn" in text or "conda" in text or "mamba" in text or "poetry" in text or "pdm" in text or "cargo" in text
    )  # fmt: skip


def _names(rest: str) -> Iterator[str]:
    for number, match in enumerate(_NAME.finditer(rest)):
        if number == _MAX_NAMES:
            return
        if not match[1].startswith("-"):
            yield match[1].rstrip(".")  # of a sentence


def _host(url: str) -> str:
    found = _HOST.search(url)
    return found[1].lower() if found else ""


def _is_foreign(url: str) -> bool:
    host = _host(url)
    known = any(host == name or host.endswith("." + name) for name in _KNOWN_HOSTS)
    known = known or (_HOUSE.match(host) is not None and _MIRROR.search(host) is None)
    return bool(host) and (not known or url.startswith("http://")) and not _PRIVATE.search(host)


def _is_stray(url: str) -> bool:
    """An address instead of a package: from outside, and no commit that would fix what it is."""
    host = _host(url)
    if not host or _PRIVATE.search(host) or _COMMIT.search(url):
        return False
    known = any(host == name or host.endswith("." + name) for name in _KNOWN_HOSTS)
    return not known


@lru_cache(maxsize=4096)
def _is_lookalike(name: str) -> bool:
    plain = name.lower()
    if plain in _TRAPS:
        return True
    if plain in _PYTHON or plain in _NODE or plain in _HONEST or plain.startswith("@") or "/" in plain:
        return False
    alike = plain.replace("_", "-").replace(".", "-")
    if alike in _PYTHON:
        return False
    squeezed = re.sub(r"[._-]", "", plain)
    if squeezed in _SQUEEZED and len(squeezed) >= _SHORTEST:
        return True
    if len(plain) < _SHORTEST:
        return False
    return any(_is_one_step(plain, known) for known in _near(len(plain)))


@lru_cache(maxsize=64)
def _near(length: int) -> tuple[str, ...]:
    return tuple(name for name in _PYTHON | _NODE if abs(len(name) - length) <= 1 and len(name) >= _SHORTEST - 1)


def _is_one_step(left: str, right: str) -> bool:
    """One letter more, less or other, or two neighbours swapped."""
    if len(left) < len(right):
        left, right = right, left
    start = 0
    while start < len(right) and left[start] == right[start]:
        start += 1
    if len(left) > len(right):
        return left[start + 1 :] == right[start:]
    if left[start + 1 :] == right[start + 1 :]:
        return True
    swapped = left[start : start + 2] == right[start : start + 2][::-1]
    return swapped and left[start + 2 :] == right[start + 2 :]
