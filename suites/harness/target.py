"""The target: the platform under test, as a file in `suites/targets/` and the command line describe it."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

from suites.harness.errors import TargetError

FOLDER = Path(__file__).resolve().parents[1] / "targets"
HOW_TO_GET_ONE = "bring one up with `tox -e up`, or name one with --target, --context, --namespace and --base-url"

WorkloadKind = Literal["Deployment", "StatefulSet", "Cluster"]
ScalerKind = Literal["ScaledObject", "HorizontalPodAutoscaler"]

_TABLES = {
    "cluster": ("kubeconfig", "context", "namespace"),
    "http": ("base_url",),
    "components": None,
    "services": None,
    "secrets": None,
    "faults": ("may_break", "image"),
    "load": ("values",),
    "nodes": ("provider",),
    "scaler": ("component", "kind", "name"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One part of the platform: the workload that must be ready and the selector that finds its pods.

    `roles` tells pods apart that do different things, by a further selector each. `process` names the process that does
    the work where another one, PID 1 of its pod, starts and watches it.
    """

    kind: WorkloadKind
    name: str
    selector: str
    roles: Mapping[str, str] = field(default_factory=dict)
    process: str = ""

    def selector_of(self, role: str | None) -> str:
        """What finds its pods, or those of that role. Raises TargetError naming the roles there are."""
        if role is None:
            return self.selector
        if role not in self.roles:
            raise TargetError(f"{self.name} has no role {role!r}; it has {', '.join(sorted(self.roles)) or 'none'}")
        return f"{self.selector},{self.roles[role]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRef:
    """Where a secret value is kept in the target's namespace."""

    name: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalerRef:
    """What decides how many pods a component has: KEDA's ScaledObject, or a HorizontalPodAutoscaler by itself."""

    component: str
    kind: ScalerKind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the platform is and what it is made of. `base_url` None: to be read from the namespace's Ingress.

    `load_values` are values for the chart of users that pods of the cluster play (site-search-load).
    `faults_image` is what faults bring into a pod's network (nft, iptables, python3, bash); empty: the image that the
    namespace's annotation names. `node_provider` is who can take nodes away: `kind`, `none`, or `module:Class` of a
    NodeProvider.
    """

    name: str
    context: str
    kubeconfig: Path
    namespace: str
    base_url: str | None
    components: Mapping[str, Component]
    services: Mapping[str, str]
    secrets: Mapping[str, SecretRef]
    may_break: frozenset[str]
    load_values: Path | None = None
    faults_image: str = ""
    node_provider: str = "none"
    scaler: ScalerRef | None = None

    @classmethod
    def load(
        cls,
        name: str = "kind",
        *,
        context: str | None = None,
        namespace: str | None = None,
        kubeconfig: Path | None = None,
        base_url: str | None = None,
    ) -> Self:
        """The target of that name or file, with what is given here in place of what it says.

        Another context than the file's is another cluster: then neither the file's kubeconfig nor its addresses are
        taken over, so that one cluster's ingress is never judged by another cluster's pods.
        """
        path = _find(name)
        target = cls._parse(path)
        if context is not None and context != target.context:
            target = replace(target, context=context, kubeconfig=usual_kubeconfig(), base_url=None, load_values=None)
        if namespace is not None:
            target = replace(target, namespace=namespace)
        if kubeconfig is not None:
            target = replace(target, kubeconfig=kubeconfig)
        if base_url is not None:
            target = replace(target, base_url=base_url.rstrip("/"))
        return target

    @classmethod
    def _parse(cls, path: Path) -> Self:
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise TargetError(f"{path}: not a readable target: {error}") from error
        _check_tables(path, content)
        cluster, faults = content["cluster"], content.get("faults", {})
        components = {
            name: _component(f"{path}: components.{name}", entry) for name, entry in content["components"].items()
        }
        may_break = frozenset(faults.get("may_break", ()))
        if unknown := may_break - components.keys():
            raise TargetError(f"{path}: faults.may_break names {', '.join(sorted(unknown))}, which is no component")
        base_url = content.get("http", {}).get("base_url")
        return cls(
            name=path.stem,
            context=_text(path, cluster, "context"),
            kubeconfig=_expanded(cluster["kubeconfig"]) if "kubeconfig" in cluster else usual_kubeconfig(),
            namespace=_text(path, cluster, "namespace"),
            base_url=base_url.rstrip("/") if base_url else None,
            components=components,
            services=content.get("services", {}),
            secrets={
                name: SecretRef(name=_text(path, entry, "name"), key=_text(path, entry, "key"))
                for name, entry in content.get("secrets", {}).items()
            },
            may_break=may_break,
            load_values=path.parent / _text(path, content["load"], "values") if "load" in content else None,
            faults_image=str(faults.get("image", "")),
            node_provider=_node_provider(path, content.get("nodes", {})),
            scaler=_scaler(path, content["scaler"], components) if "scaler" in content else None,
        )

    @property
    def label(self) -> str:
        """How reports name it: `kind: kind-site-search/site-search`."""
        return f"{self.name}: {self.context}/{self.namespace}"

    def secret(self, name: str) -> SecretRef:
        """Where that secret is kept. Raises TargetError naming those there are."""
        try:
            return self.secrets[name]
        except KeyError:
            raise TargetError(
                f"target {self.name} has no secret {name!r}; it has {', '.join(sorted(self.secrets)) or 'none'}"
            ) from None

    def component(self, name: str) -> Component:
        """The component of that name. Raises TargetError naming those there are."""
        try:
            return self.components[name]
        except KeyError:
            raise TargetError(
                f"target {self.name} has no component {name!r}; it has {', '.join(sorted(self.components))}"
            ) from None


def cache() -> Path:
    """The project's cache outside the clone: $SITE_SEARCH_CACHE, else site-search in the user's cache folder."""
    chosen = os.environ.get("SITE_SEARCH_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "site-search"


def usual_kubeconfig() -> Path:
    """The file that kubectl would take: $KUBECONFIG's first, else the one in the home folder."""
    first = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(first or "~/.kube/config").expanduser()


def _expanded(text: str) -> Path:
    text = text.replace("${SITE_SEARCH_CACHE}", "$SITE_SEARCH_CACHE").replace("$SITE_SEARCH_CACHE", str(cache()))
    return Path(os.path.expandvars(text)).expanduser()


def _find(name: str) -> Path:
    if name.endswith(".toml"):
        return Path(name)
    path = FOLDER / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.toml")))
        raise TargetError(f"no target {name!r}; there is {known}, or give the path of a .toml file")
    return path


def _check_tables(path: Path, content: Mapping[str, Any]) -> None:
    if unknown := content.keys() - _TABLES.keys():
        raise TargetError(f"{path}: unknown table {', '.join(sorted(unknown))}; allowed: {', '.join(_TABLES)}")
    for name in ("cluster", "components"):
        if not content.get(name):
            raise TargetError(f"{path}: table [{name}] is missing")
    for name, table in content.items():
        if not isinstance(table, dict):
            raise TargetError(f"{path}: {name} must be a table")
        keys = _TABLES[name]
        if keys is not None and (unknown := table.keys() - set(keys)):
            raise TargetError(f"{path}: [{name}] unknown key {', '.join(sorted(unknown))}; allowed: {', '.join(keys)}")


def _component(where: str, entry: Any) -> Component:
    expected, possible = {"kind", "name", "selector"}, {"process", "roles"}
    if not isinstance(entry, dict) or not expected <= entry.keys() <= expected | possible:
        raise TargetError(
            f"{where}: must have exactly {', '.join(sorted(expected))}, and possibly {', '.join(sorted(possible))}"
        )
    kinds = get_args(WorkloadKind)
    if entry["kind"] not in kinds:
        raise TargetError(f"{where}: kind {entry['kind']!r} is not allowed; allowed: {', '.join(kinds)}")
    if not entry["selector"]:
        # An empty selector is every pod of the namespace.
        raise TargetError(f"{where}: the selector is empty")
    roles = entry.get("roles", {})
    if not isinstance(roles, dict) or not all(isinstance(selector, str) and selector for selector in roles.values()):
        raise TargetError(f"{where}: roles must give each role a selector")
    return Component(**entry)


def _node_provider(path: Path, table: Mapping[str, Any]) -> str:
    provider = table.get("provider", "none")
    if provider not in ("kind", "none") and not re.fullmatch(r"[\w.]+:\w+", str(provider)):
        raise TargetError(f"{path}: nodes.provider {provider!r} is not allowed; allowed: kind, none, module:Class")
    return str(provider)


def _scaler(path: Path, table: Mapping[str, Any], components: Mapping[str, Component]) -> ScalerRef:
    ref = ScalerRef(**{key: _text(path, table, key) for key in ("component", "kind", "name")})  # type: ignore[arg-type]
    if ref.kind not in get_args(ScalerKind):
        raise TargetError(f"{path}: scaler.kind {ref.kind!r}: allowed are {', '.join(get_args(ScalerKind))}")
    if ref.component not in components:
        raise TargetError(f"{path}: scaler.component names {ref.component}, which is no component")
    return ref


def _text(path: Path, table: Any, key: str) -> str:
    value = table.get(key) if isinstance(table, dict) else None
    if not isinstance(value, str) or not value:
        raise TargetError(f"{path}: {key} is missing or empty")
    return value
