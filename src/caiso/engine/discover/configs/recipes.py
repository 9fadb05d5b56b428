"""Training recipes, gateway configurations and agent lists in YAML."""

from __future__ import annotations

from caiso.engine.discover.configs.documents import Node
from caiso.engine.discover.configs.sink import Sink, relate
from caiso.engine.discover.ids import place, split_route, text_identity
from caiso.engine.discover.records import Observation

_BASE_KEYS = ("model_name_or_path", "base_model", "pretrained_model_name_or_path", "base_model_name_or_path")
_TRAINING_KEYS = (
    "learning_rate",
    "num_train_epochs",
    "num_epochs",
    "per_device_train_batch_size",
    "micro_batch_size",
    "dataset_mixture",
    "dataset_mixer",
    "dataset_name",
    "datasets",
    "output_dir",
    "training_args",
    "peft_type",
    "lora_r",
    "dataset",
    "finetuning_type",
)
_MORE_MODELS = (
    "teacher_model_name_or_path",
    "reward_model_path",
    "ref_model_name_or_path",
    "reward_model_name_or_path",
)


def read_recipe(sink: Sink, root: Node) -> bool:
    """A mapping that names a base model beside training options."""
    holder = next((node for node in _holders(root) if any(node.value(key) for key in _BASE_KEYS)), None)
    if holder is None or not any(node.get(key) for node in _holders(root) for key in _TRAINING_KEYS):
        return False
    base_key = next(key for key in _BASE_KEYS if holder.value(key))
    base = holder.get(base_key)
    revision = holder.value("model_revision") or holder.value("revision_of_model")
    template = holder.get("chat_template") or root.get("chat_template")
    recipe = sink.add(
        "recipe",
        sink.path,
        f"recipe:{sink.path}",
        base.line if base is not None else root.line,
        "training recipe",
        attributes={
            "base_model": holder.value(base_key),
            "revision": revision,
            "chat_template": bool(template is not None and "{" in template.text),
        },
    )
    model = sink.model(
        holder.value(base_key),
        base.line if base is not None else root.line,
        "base model of a recipe",
        role=["base"],
        revisions=[revision] if revision else [],
    )
    relate(recipe, "fine_tuned_from", model)
    for key in _MORE_MODELS:
        extra = holder.get(key)
        if extra is not None and extra.text:
            relate(recipe, "uses_model", sink.model(extra.text, extra.line, f"{key} of a recipe", role=["helper"]))
    for node in _holders(root):
        _recipe_data(sink, node, recipe)
        _recipe_product(sink, node, recipe, model)
    if template is not None and "{" in template.text:
        prompt = sink.add(
            "prompt",
            f"chat template of {sink.path}",
            text_identity("prompt", template.text),
            template.line,
            "chat template of a recipe",
            attributes={"prompt_kind": "chat template", "length": len(template.text)},
        )
        relate(recipe, "uses_prompt", prompt)
    return True


def _holders(root: Node) -> list[Node]:
    """The mapping itself and its sections: some trainers group their options."""
    return [root, *[value for _, value in root.pairs if value.shape == "map"]]


def _recipe_product(sink: Sink, node: Node, recipe: Observation, base: Observation | None) -> None:
    product = node.get("hub_model_id")
    name = node.value("hub_model_id")
    if product is None or not name:
        return
    made = sink.model(name, product.line, "model that a recipe produces", role=["produced"])
    relate(recipe, "produces", made)
    relate(made, "derived_from", base)


def _recipe_data(sink: Sink, node: Node, recipe: Observation) -> None:
    for name, line in dataset_names(node):
        relate(recipe, "trained_on", sink.dataset(name, line, "dataset of a recipe"))


def dataset_names(node: Node) -> list[tuple[str, int]]:
    """Every dataset id of a recipe's mapping, in the forms that trainers use."""
    found: list[tuple[str, int]] = []
    for key, value in node.pairs:
        if key in ("dataset_name", "dataset_id", "dataset_path", "train_dataset", "eval_dataset", "dataset"):
            found.extend(_one_or_more(value))
        elif key == "dataset_mixer":
            found.extend((name.strip(), item.line) for name, item in value.pairs)
        elif key in ("datasets", "test_datasets", "dataset_mixture", "pretraining_dataset", "eval_datasets"):
            inner = value.get("datasets") or value
            found.extend(_one_or_more(inner))
    return found


def _one_or_more(value: Node) -> list[tuple[str, int]]:
    if value.shape == "list":
        return [pair for item in value.items for pair in _one_or_more(item)]
    if value.shape == "map":
        for key in ("id", "path", "name", "dataset_name", "repo_id"):
            node = value.get(key)
            if node is not None and "/" in node.text:
                return [(node.text.strip(), node.line)]
        return [(name.strip(), item.line) for name, item in value.pairs if name.count("/") == 1]
    return [(value.text.strip(), value.line)] if value.text.strip().count("/") == 1 else []


def read_gateway(sink: Sink, root: Node) -> bool:
    """LiteLLM: model_list of model_name and litellm_params."""
    models = root.get("model_list")
    if models is None or models.shape != "list" or not any(item.get("litellm_params") for item in models.items):
        return False
    for item in models.items:
        node = item.get("litellm_params", "model")
        if node is None or not node.text:
            continue
        found = sink.any_model(node.text, node.line, "route of a gateway")
        if found is not None and item.value("model_name"):
            found.attributes["aliases"] = [item.value("model_name")]
        address = item.get("litellm_params", "api_base")
        if address is not None and address.text:
            relate(found, "served_by", sink.endpoint(address.text, address.line, "route of a gateway"))
        key = item.value("litellm_params", "api_key")
        if key.startswith("os.environ/"):
            sink.credential(key.removeprefix("os.environ/"), item.line, "key of a gateway route")
    return True


def read_crew(sink: Sink, root: Node) -> bool:
    """CrewAI's agents.yaml: role, goal and backstory under each name."""
    found = False
    for name, entry in root.pairs:
        if entry.value("role") and entry.value("goal") and entry.get("backstory") is not None:
            agent = sink.add(
                "agent",
                name,
                f"agent:{place(sink.path, name)}",
                max(entry.line - 1, 1),
                "agent described in YAML",
                attributes={"framework": "crewai", "role": " ".join(entry.value("role").split())[:200]},
            )
            model = entry.get("llm")
            if model is not None and model.text:
                relate(agent, "uses_model", sink.any_model(model.text, model.line, "model of an agent"))
            found = True
    return found


def read_model_keys(sink: Sink, root: Node) -> None:
    """Ids that can only be hosted models under keys that speak of a model, in any other configuration."""
    for node in root.walk():
        for key, value in node.pairs:
            lowered = key.lower()
            if value.shape != "text" or not (
                lowered.endswith(
                    ("model", "model_name", "model_id", "llm", "deployment", "hf_repo_id", "modelid", "modelname")
                )
            ):
                continue
            text = value.text.strip()
            if sink.signatures.hub_model(text) and split_route(text, sink.signatures)[0] is None:
                sink.model(text, value.line, "hub id under a key that speaks of a model")
                continue
            bare = text.split("/", 1)[-1] if "/" in text else text.split(":", 1)[-1]
            if len(text) < 80 and self_evident(sink, bare):
                sink.any_model(text, value.line, "model id under a key that speaks of a model")


def self_evident(sink: Sink, text: str) -> bool:
    """Whether an id belongs to one provider and has a version in it."""
    return sink.signatures.provider_of_model(text) is not None and any(character.isdigit() for character in text)
