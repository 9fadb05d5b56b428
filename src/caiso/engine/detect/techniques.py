"""The techniques of the ATLAS release that ships, for rules and for pages that only name them."""

from functools import cache
from importlib import resources

from caiso.engine.packs import compose, to_plain


def atlas_ids() -> frozenset[str]:
    """The technique ids of the ATLAS release that ships."""
    return frozenset(atlas_techniques())


@cache
def atlas_techniques() -> dict[str, str]:
    """{technique id: name} of the ATLAS release that ships."""
    source = resources.files("caiso").joinpath("content/techniques/atlas-2026.09.yaml").read_bytes()
    value = to_plain(compose(source))
    if not isinstance(value, dict):
        raise TypeError("content/techniques/atlas-2026.09.yaml is not a mapping")
    return {str(key): str(name) for key, name in value["techniques"].items()}
