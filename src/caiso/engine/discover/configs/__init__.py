"""Reads configuration: recipes, client configs, containers, workflows, notebooks, cards, environment files."""

from caiso.engine.discover.configs.read import MANIFEST_GRAPH, is_config, read_config

__all__ = ["MANIFEST_GRAPH", "is_config", "read_config"]
