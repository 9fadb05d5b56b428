"""The product's settings for tests: a data directory of their own and a cheap password hash.

On SQLite, or on the PostgreSQL server that CAISO_TEST_DATABASE_URL names (see CONTRIBUTING.md).
"""

import os
import tempfile

os.environ["CAISO_DATA"] = tempfile.mkdtemp(prefix="caiso-tests-")
os.environ["CAISO_DATABASE_URL"] = os.environ.get("CAISO_TEST_DATABASE_URL", "")

from caiso.web.config.settings import *  # noqa: F403 - Django reads settings from module globals

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
