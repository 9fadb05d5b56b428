"""The result as a whole: stable order, relative paths, merges by identity."""

import json

from tests.engine.discover.trees import of, scan_paths

TREE: dict[str, str | bytes] = {
    "a.py": "from openai import OpenAI\nOpenAI().responses.create(model='gpt-4o')\n",
    "b.py": "from langchain_openai import ChatOpenAI\nChatOpenAI(model='gpt-4o')\n",
    "requirements.txt": "openai\n",
}


def test_two_scans_give_the_same_json_whatever_the_order() -> None:
    backwards = dict(reversed(list(TREE.items())))
    assert json.dumps(scan_paths(TREE).as_dict()) == json.dumps(scan_paths(backwards).as_dict())


def test_one_model_seen_by_two_libraries_is_one_asset() -> None:
    assert of(scan_paths(TREE), "hosted_model") == ["gpt-4o"]


def test_the_json_has_the_promised_shape() -> None:
    payload = scan_paths(TREE).as_dict()
    assert set(payload) == {"assets", "summary", "errors"}
    for asset in payload["assets"]:  # type: ignore[attr-defined]
        assert set(asset) == {"kind", "name", "identity", "status", "evidence", "attributes", "relations"}
        assert asset["status"] in ("active", "inactive", "test")
        assert all(
            set(item) == {"path", "line", "rule", "technique", "confidence", "detail"} for item in asset["evidence"]
        )
        assert all(set(edge) == {"type", "target"} for edge in asset["relations"])


def test_every_relation_leads_to_an_asset_of_the_result() -> None:
    payload = scan_paths(TREE).as_dict()
    known = {asset["identity"] for asset in payload["assets"]}  # type: ignore[attr-defined]
    assert {edge["target"] for asset in payload["assets"] for edge in asset["relations"]} <= known  # type: ignore[attr-defined]


def test_an_empty_tree_is_an_empty_result() -> None:
    assert scan_paths({}).as_dict()["summary"] == {
        "files": 0,
        "bytes": 0,
        "assets": 0,
        "observations": 0,
        "by_kind": {},
        "by_status": {},
    }
