"""The library of frameworks and controls of this process, read once from the packs."""

import logging
from functools import lru_cache

from caiso.engine.comply import Control as ControlPack
from caiso.engine.comply import Library, load_library
from caiso.web.config.environment import environment

log = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def library() -> Library:
    """Shipped content and the folders of CAISO_PACKS; what is wrong in them is listed in `problems`, the rest works."""
    found = load_library(*environment().packs)
    for problem in found.problems:
        log.error("pack is not used: %s", problem)
    return found


@lru_cache(maxsize=1)
def control_packs() -> dict[str, ControlPack]:
    """The controls by id."""
    return {pack.value.id: pack.value for pack in library().controls}
