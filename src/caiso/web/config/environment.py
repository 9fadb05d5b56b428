"""Every setting of the product, read from CAISO_* environment variables; documented in docs/settings.md."""

from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from caiso.datadir import default_data_dir


class Environment(BaseSettings):
    """Settings of one installation; every field is CAISO_<NAME> in the environment."""

    model_config = SettingsConfigDict(env_prefix="CAISO_", extra="ignore")

    data: Path = Field(
        default_factory=default_data_dir, description="Directory that holds everything the product stores."
    )
    database_url: str = Field(
        default="", description="postgresql://… for PostgreSQL mode; empty means SQLite in the data directory."
    )
    secret_key: SecretStr | None = Field(
        default=None, description="Signing key; empty means one made and kept in the data directory."
    )
    allowed_hosts: list[str] = Field(
        default=["localhost", "127.0.0.1", "[::1]"], description="Host names that the web process answers to."
    )
    public_url: str = Field(
        default="",
        description="Address that people use, such as https://caiso.example.org; turns on secure cookies and HSTS when https.",
    )
    time_zone: str = Field(default="UTC", description="Time zone of pages and of regulatory clocks.")
    debug: bool = Field(default=False, description="Django's debug pages; never in production.")
    log_level: str = Field(default="INFO", description="Lowest level written to the structured log.")
    backups: Path | None = Field(
        default=None, description="Folder of back-ups made from the page; empty means `backups` in the data directory."
    )
    metrics_token: SecretStr | None = Field(
        default=None, description="Token that opens /metrics to other machines; empty means this machine only."
    )
    event_retention_days: int = Field(default=90, ge=1, description="Days that events are kept.")
    content_retention_days: int = Field(
        default=14, ge=1, description="Days that prompts, documents and tool results can be decrypted."
    )
    scan_folders: list[Path] = Field(
        default=[], description="Folders of the server below which administrators and CAISOs may scan; none by default."
    )
    scan_private_addresses: bool = Field(
        default=False,
        description="Let the server fetch repositories from private networks, such as a GitLab of your own.",
    )
    export_python: Path | None = Field(
        default=None,
        description="Python of an environment that has caiso[soc-export], for rules as Splunk and Elasticsearch queries; empty means our own.",
    )
    packs: list[Path] = Field(
        default=[], description="Folders with packs of your own, read beside the shipped content."
    )


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The settings of this process, read once."""
    return Environment()
