"""Reads configuration: recipes, client configs, containers, workflows, notebooks, cards, environment files."""

from caiso.engine.discover.configs.read import is_config, read_config

__all__ = ["is_config", "read_config"]
