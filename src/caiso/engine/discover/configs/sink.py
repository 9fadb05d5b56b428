"""Where configuration rules put what they find in one file."""

from __future__ import annotations

from dataclasses import dataclass

from caiso.engine.discover.collect import Findings, observe
from caiso.engine.discover.ids import (
    dataset_identity,
    hub_identity,
    is_path,
    plausible_model,
    split_route,
    url_identity,
)
from caiso.engine.discover.records import Evidence, Observation, Relation, Status
from caiso.engine.discover.secrets import credential_name
from caiso.engine.discover.signatures import Provider, Signatures


@dataclass(slots=True)
class Sink:
    """One configuration file under examination."""

    path: str
    findings: Findings
    signatures: Signatures
    status: Status

    def add(
        self,
        kind: str,
        name: str,
        identity: str,
        line: int,
        rule: str,
        *,
        attributes: dict[str, object] | None = None,
        confidence: float = 0.9,
        detail: str = "",
        group: str = "",
        weak: int = 0,
    ) -> Observation:
        evidence = Evidence(self.path, line, rule, "configuration", confidence, detail[:200])
        observation = observe(kind, name, identity, evidence, status=self.status, attributes=attributes)
        return self.findings.add(observation, group=group, weak=weak)

    def model(self, name: str, line: int, rule: str, **attributes: object) -> Observation | None:
        """An open model by hub id."""
        name = name.strip()
        if not plausible_model(name) or is_path(name):
            return None
        return self.add("model", name, hub_identity(name), line, rule, attributes=dict(attributes))

    def dataset(self, name: str, line: int, rule: str) -> Observation | None:
        name = name.strip()
        if not plausible_model(name) or is_path(name):
            return None
        return self.add("dataset", name, dataset_identity(name), line, rule)

    def any_model(self, written: str, line: int, rule: str, provider: Provider | None = None) -> Observation | None:
        """A model id of a router or gateway: hosted, or open weights where the runtime is local."""
        written = written.strip()
        if not plausible_model(written):
            return None
        route, bare = split_route(written, self.signatures)
        served = route or provider or self.signatures.provider_of_model(bare)
        name = bare if route is not None else written
        if served is not None and (served.local or served.id == "huggingface"):
            if is_path(name):
                return None
            identity = f"ollama/{name.removesuffix(':latest')}" if served.id == "ollama" else hub_identity(name)
            self.provider(served, line)
            return self.add("model", name, identity, line, rule, attributes={"served_by": served.id})
        if served is None:
            return None
        self.provider(served, line)
        return self.add(
            "hosted_model",
            name,
            f"{served.id}/{name}",
            line,
            rule,
            attributes={"provider": served.id, "model_id": name},
            group=f"hosted_model:{served.id}",
        )

    def provider(self, provider: Provider, line: int) -> None:
        if not provider.runtime:
            self.add("provider", provider.name, f"provider:{provider.id}", line, "provider named in configuration")

    def endpoint(self, url: str, line: int, rule: str) -> Observation | None:
        address = url_identity(url)
        if not address.startswith("http"):
            return None
        provider = self.signatures.provider_of_url(url)
        return self.add(
            "endpoint",
            address,
            f"endpoint:{address}",
            line,
            rule,
            attributes={"provider": provider.id if provider else "unknown"},
        )

    def credential(self, name: str, line: int, rule: str, **attributes: object) -> Observation | None:
        owner = credential_name(name, self.signatures)
        if not owner:
            return None
        return self.add(
            "credential_reference",
            name,
            f"credential:{name}",
            line,
            rule,
            attributes={"service": owner, **attributes},
        )


def relate(source: Observation | None, kind: str, target: Observation | None) -> None:
    """Add an edge where both ends exist."""
    if source is not None and target is not None:
        relation = Relation(kind, target.identity)
        if relation not in source.relations:
            source.relations.append(relation)
