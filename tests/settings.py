"""The product's settings for tests: a data directory of their own and a cheap password hash."""

import os
import tempfile

os.environ["CAISO_DATA"] = tempfile.mkdtemp(prefix="caiso-tests-")

from caiso.web.config.settings import *  # noqa: F403 - Django reads settings from module globals

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
