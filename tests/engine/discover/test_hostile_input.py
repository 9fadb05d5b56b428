"""Hostile and broken files: nothing is executed, nothing escapes, every other file is still read."""

import io
import pickle
import struct
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caiso.engine.discover import SourceFile, scan_tree
from tests.engine.discover.trees import of, one, scan_paths

GOOD = "from openai import OpenAI\nOpenAI().responses.create(model='gpt-4o')\n"


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("bad.py", b"import openai\n\x00\x01\x02" * 50),
        ("bad.py", b"import openai\n\xff\xfe\xfd def ("),
        ("bad.py", b"from openai import OpenAI\ndef f(:\n  class\n" + b"(" * 3000),
        ("bad.py", b"import openai\nx = " + b"[" * 20_000 + b"]" * 20_000),
        ("bad.py", b"import openai\nx = '" + b"a" * 1_000_000 + b"'\n"),
        ("bad.ts", b'import OpenAI from "openai";\n' + b"{" * 15_000),
        ("bad.js", b'require("openai");' + b"a.b(" * 12_000),
        ("bad.json", b'{"mcpServers": ' * 5_000),
        ("mcp.json", b'{"mcpServers": {"a": {"command": 3}}}'),
        ("mcp.json", b'{"mcpServers": []}'),
        ("bad.yaml", b"model: [" * 3_000),
        ("bad.yaml", b"model: &a\n  - *a\n"),
        ("bad.yaml", b"model: {{ template }}\n  bad"),
        ("bad.ipynb", b'{"cells": 3}'),
        ("bad.ipynb", b'{"cells": [1, {"cell_type": "code", "source": [3, null]}]}'),
        ("bad.ipynb", b"["),
        ("package.json", b'{"dependencies": [1, 2]}'),
        ("pyproject.toml", b'[project]\ndependencies = "x"\n'),
        ("setup.py", b"setup(install_requires=install_requires)\ninstall_requires = install_requires\n"),
    ],
)
def test_a_bad_file_never_stops_the_others(path: str, data: bytes) -> None:
    result = scan_paths({path: data, "good.py": GOOD})
    assert of(result, "hosted_model") == ["gpt-4o"]


def test_laughing_yaml_stays_small() -> None:
    lines = ["a0: &a0 [model, model]"] + [
        f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 30)
    ]
    begun = time.process_time()
    result = scan_paths({"bomb.yaml": "\n".join(lines), "good.py": GOOD})
    assert time.process_time() - begun < 3  # expanded, it would take longer than the universe has time
    assert [problem.path for problem in result.errors] == ["bomb.yaml"]


def test_names_that_refer_to_each_other_end() -> None:
    loops = "import openai\na = b\nb = a\ndef f(x=a): return f(x)\nclass C:\n  m = m\nopenai.OpenAI().responses.create(model=f(a))\n"
    assert of(scan_paths({"loop.py": loops}), "provider") == ["OpenAI"]
    circle = {
        "a.py": "from b import X\nimport openai\nopenai.OpenAI().responses.create(model=X)\n",
        "b.py": "from a import X\n",
    }
    assert of(scan_paths(circle), "provider") == ["OpenAI"]


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        import os

        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["model.pkl", "model.joblib", "model.pt", "pytorch_model.bin"])
def test_a_malicious_pickle_is_named_and_not_run(tmp_path: Path, protocol: int, name: str) -> None:
    marker = tmp_path / "ran"
    data = pickle.dumps({"weights": Payload(marker)}, protocol=protocol)
    if name.endswith(".pt"):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("archive/data.pkl", data)
        data = stream.getvalue()
    found = one(scan_paths({name: data}), "model_file")
    assert not marker.exists()
    assert found.attributes["unsafe"] is True
    assert {str(item).split(".")[-1] for item in found.attributes["dangerous"]} == {"system"}  # type: ignore[attr-defined]


def test_a_pickle_of_plain_weights_is_safe_and_one_of_plain_data_is_no_model() -> None:
    import numpy as np

    weights = one(scan_paths({"m.pkl": pickle.dumps(np.zeros(3))}), "model_file")
    assert weights.attributes["unsafe"] is False
    assert scan_paths({"rows.pkl": pickle.dumps([1, 2])}).assets == []


@pytest.mark.parametrize("ending", ["safetensors", "gguf", "onnx", "pkl", "pt", "joblib", "h5", "keras"])
@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 40, b"\xff" * 5000, b"PK\x03\x04broken", b"GGUF" + b"\xff" * 60, b"\x80\x04" + b"X" * 90]
)
def test_a_broken_model_file_is_named(ending: str, data: bytes) -> None:
    result = scan_paths({f"m.{ending}": data, "good.py": GOOD})
    assert of(result, "hosted_model") == ["gpt-4o"]


def test_headers_of_model_files_are_described() -> None:
    header = b'{"__metadata__": {"format": "pt"}, "w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}'
    safe = struct.pack("<Q", len(header)) + header + b"\0" * 24
    text = b"general.architecture"
    gguf = (
        b"GGUF"
        + struct.pack("<IQQ", 3, 5, 1)
        + struct.pack("<Q", len(text))
        + text
        + struct.pack("<IQ", 8, 5)
        + b"llama"
    )
    onnx = b"\x08\x08\x12\x07pytorch\x1a\x032.0"
    result = scan_paths({"a.safetensors": safe, "b.gguf": gguf, "c.onnx": onnx})
    found = {asset.name: asset.attributes for asset in result.assets}
    assert (found["a.safetensors"]["parameters"], found["a.safetensors"]["dtypes"]) == (6, ["F32"])
    assert (found["b.gguf"]["architecture"], found["b.gguf"]["tensors"]) == ("llama", 5)
    assert found["c.onnx"]["producer"] == "pytorch"


def test_the_same_weights_in_two_places_are_one_file_and_a_pointer_keeps_its_hash() -> None:
    import hashlib

    header = b"{}"
    data = struct.pack("<Q", len(header)) + header
    digest = hashlib.sha256(data).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n".encode()
    found = one(
        scan_paths({"a/m.safetensors": data, "b/m.safetensors": data, "c/m.safetensors": pointer}), "model_file"
    )
    assert len(found.evidence) == 3


def test_a_lambda_layer_is_unsafe() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("config.json", '{"layers": [{"class_name": "Lambda"}]}')
    assert one(scan_paths({"m.keras": stream.getvalue()}), "model_file").attributes["unsafe"] is True


def test_an_unreadable_file_is_an_error_not_an_end() -> None:
    def refuse() -> io.BytesIO:
        raise PermissionError("no")

    files = [SourceFile("a.py", 10, refuse), SourceFile.from_bytes("b.py", GOOD.encode())]
    result = scan_tree(files)
    assert [problem.path for problem in result.errors] == ["a.py"]
    assert of(result, "hosted_model") == ["gpt-4o"]


NAMES = [
    "a.py",
    "a.ts",
    "a.js",
    "a.go",
    "a.rb",
    "a.rs",
    "a.yaml",
    "mcp.json",
    "a.ipynb",
    "Dockerfile",
    ".env",
    "setup.py",
    "README.md",
    "m.pkl",
    "m.gguf",
    "m.onnx",
    "package.json",
    "pyproject.toml",
    "requirements.txt",
    "go.mod",
    "Gemfile",
    "setup.cfg",
    "environment.yml",
    "uv.lock",
]
FRAGMENTS = st.sampled_from(
    [
        "from openai import OpenAI\n",
        "import agents\n",
        'model="gpt-4o"',
        "OpenAI()",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ":",
        "\n",
        "  ",
        "#",
        "'",
        '"',
        "\\",
        "def f(x):",
        "class A(B):",
        "@tool",
        "mcpServers",
        "model_name_or_path: a/b\n",
        "image: ollama/ollama\n",
        "$",
        "`",
        "=>",
        "import x from 'ai'\n",
        "openai==1",
        "é",
        "\ud83d\ude00",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(NAMES), st.lists(FRAGMENTS, max_size=40))
def test_any_text_is_survived(name: str, parts: list[str]) -> None:
    data = "".join(parts).encode("utf-8", "surrogatepass")
    result = scan_tree([SourceFile.from_bytes(name, data)])
    assert all(item.path == name for asset in result.assets for item in asset.evidence)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(NAMES), st.binary(max_size=400))
def test_any_bytes_are_survived(name: str, data: bytes) -> None:
    scan_tree([SourceFile.from_bytes(name, data)])
