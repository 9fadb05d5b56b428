"""Manifests and lock files: what is declared, at which line, and what is not AI."""

import pytest

from tests.engine.discover.trees import of, one, scan_paths


@pytest.mark.parametrize(
    ("path", "text", "identity", "line", "version"),
    [
        ("requirements.txt", "flask\nopenai[x]==1.2 ; python_version>'3'\n", "pkg:pypi/openai", 2, "1.2"),
        ("requirements/dev.txt", "OpenAI>=1 # c\n", "pkg:pypi/openai", 1, ">=1"),
        (
            "pyproject.toml",
            '[project]\nname="x"\ndependencies = [\n  "anthropic>=0.8",\n]\n',
            "pkg:pypi/anthropic",
            4,
            ">=0.8",
        ),
        (
            "pyproject.toml",
            '[tool.poetry.dependencies]\npython="^3"\nfaiss-cpu = "^1.7"\n',
            "pkg:pypi/faiss-cpu",
            3,
            "^1.7",
        ),
        ("pyproject.toml", '[dependency-groups]\ndev = ["mcp"]\n', "pkg:pypi/mcp", 2, ""),
        ("Pipfile", '[packages]\nopenai = "*"\n', "pkg:pypi/openai", 2, "*"),
        ("setup.cfg", "[options]\ninstall_requires =\n    flask\n    torch>=2\n", "pkg:pypi/torch", 4, ">=2"),
        (
            "setup.py",
            'from setuptools import setup\nD = ["flask", "torch>=2"]\nsetup(install_requires=D)\n',
            "pkg:pypi/torch",
            2,
            ">=2",
        ),
        (
            "environment.yml",
            "name: x\ndependencies:\n  - python=3.11\n  - pip:\n    - openai==1.0\n",
            "pkg:pypi/openai",
            5,
            "1.0",
        ),
        (
            "package.json",
            '{\n "dependencies": {\n  "react": "1",\n  "@anthropic-ai/sdk": "^0.3"\n }\n}',
            "pkg:npm/@anthropic-ai/sdk",
            4,
            "^0.3",
        ),
        (
            "go.mod",
            "module x\nrequire (\n\tgithub.com/openai/openai-go v1.1.0\n\tgithub.com/ollama/ollama v1 // indirect\n)\n",
            "pkg:golang/github.com/openai/openai-go",
            3,
            "v1.1.0",
        ),
        (
            "Cargo.toml",
            '[package]\nname="x"\n[dependencies]\nasync-openai = { version = "0.2" }\n',
            "pkg:cargo/async-openai",
            4,
            "0.2",
        ),
        ("Gemfile", 'source "x"\ngem "ruby-openai", "~> 7"\n', "pkg:gem/ruby-openai", 2, "~> 7"),
    ],
)
def test_a_declared_package_is_a_dependency(path: str, text: str, identity: str, line: int, version: str) -> None:
    found = one(scan_paths({path: text}), "dependency")
    assert (found.identity, found.evidence[0].line) == (identity, line)
    assert found.attributes.get("versions", [""]) == [version]


def test_packages_that_are_not_ai_are_left_out() -> None:
    result = scan_paths(
        {
            "requirements.txt": "flask\nnumpy\nstreamlit\npandas\nopenairport\n",
            "package.json": '{"dependencies": {"react": "1"}}',
        }
    )
    assert result.assets == []


def test_a_commented_requirement_is_inactive_and_prose_is_nothing() -> None:
    result = scan_paths({"requirements.txt": "# uncomment to use transformers models\n# transformers==4.1\n"})
    assert of(result, "dependency") == [] and of(result, "dependency", "inactive") == ["transformers"]


def test_a_framework_is_one_only_when_code_uses_it() -> None:
    declared = {"requirements.txt": "langchain==0.1\n"}
    assert of(scan_paths(declared), "dependency") == ["langchain"]
    used = scan_paths({**declared, "a.py": "from langchain.chains import LLMChain\nLLMChain()\n"})
    assert of(used, "dependency") == []
    assert one(used, "framework").attributes["versions"] == ["0.1"]
    unused = scan_paths({**declared, "a.py": "from langchain.chains import LLMChain\n"})
    assert of(unused, "dependency") == ["langchain"]


def test_lock_files_give_versions_not_assets() -> None:
    lock = '[[package]]\nname = "openai"\nversion = "1.9"\n\n[[package]]\nname = "torch"\nversion = "2"\n'
    result = scan_paths({"uv.lock": lock, "requirements.txt": "openai\n"})
    assert one(result, "dependency").attributes["locked_versions"] == ["1.9"]


def test_an_import_joins_the_manifest_line_of_its_package() -> None:
    result = scan_paths({"requirements.txt": "faiss-gpu\n", "a.py": "import faiss\nfaiss.IndexFlatL2(3)\n"})
    found = one(result, "dependency")
    assert (found.name, {item.path for item in found.evidence}) == ("faiss-gpu", {"requirements.txt", "a.py"})


@pytest.mark.parametrize("path", ["pyproject.toml", "package.json", "Cargo.toml", "package-lock.json", "Pipfile"])
def test_a_broken_manifest_is_named_and_stops_nothing(path: str) -> None:
    result = scan_paths({path: "{[ broken", "a.py": "from openai import OpenAI\nOpenAI()\n"})
    assert [problem.path for problem in result.errors] == [path]
    assert of(result, "provider") == ["OpenAI"]
