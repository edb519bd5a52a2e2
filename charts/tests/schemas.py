"""Strict JSON schemas for kubeconform, made from the Go modules that the cluster is built from.

No schema is downloaded: Kubernetes carries its OpenAPI document, CloudNativePG and KEDA their custom resource
definitions in their Go modules. The result is cached by versions and by this file's text, and put in place whole or
not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from charts.tests.rendering import ToolMissing, cache_folder, pinned

KUBERNETES = "k8s.io/kubernetes"
CLOUDNATIVEPG = "github.com/cloudnative-pg/cloudnative-pg"
KEDA = "github.com/kedacore/keda/v2"
LAYOUT = "{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json"

# What a validator needs; descriptions, defaults and Kubernetes' merge hints make the files ten times as large.
_KEPT = {"type", "required", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"}
_INT_OR_STRING = {"type": ["integer", "string"]}
_REF = "#/definitions/"

Schema = dict[str, Any]


def schema_location() -> str:
    """The -schema-location for kubeconform; converts on the first call after a version changed."""
    versions = f"kubernetes-{pinned(KUBERNETES)}-cloudnativepg-{pinned(CLOUDNATIVEPG)}-keda-{pinned(KEDA)}"
    converter = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    folder = cache_folder() / "schemas" / f"{versions}-{converter}"
    if not folder.is_dir():
        _build(folder)
    return f"{folder}/{LAYOUT}"


def strict(schema: Schema) -> Schema:
    """The same schema, with unknown properties refused wherever the properties are listed."""
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        return dict(_INT_OR_STRING)
    result = {key: value for key, value in schema.items() if key in _KEPT}
    if "items" in schema:
        result["items"] = strict(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = strict(schema["additionalProperties"])
    if "properties" in schema:
        result["properties"] = {name: strict(each) for name, each in schema["properties"].items()}
        if "additionalProperties" not in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            result["additionalProperties"] = False
    return result


def builtin_schemas(openapi: Schema) -> Iterator[tuple[str, Schema]]:
    """Path and schema of each kind in a Kubernetes OpenAPI (swagger) document."""
    definitions = {name: strict(each) for name, each in openapi["definitions"].items()}
    definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {"type": ["number", "string"]}
    for name, definition in openapi["definitions"].items():
        kinds = definition.get("x-kubernetes-group-version-kind", [])
        # Several kinds in one definition are the options of API calls, which no manifest holds.
        if len(kinds) == 1:
            kind = kinds[0]
            yield _path(kind["group"], kind["version"], kind["kind"]), _standalone(name, definitions)


def custom_schemas(manifest: str) -> Iterator[tuple[str, Schema]]:
    """Path and schema of each version of each custom resource definition in a manifest."""
    for document in yaml.load_all(manifest, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if document and document["kind"] == "CustomResourceDefinition":
            spec = document["spec"]
            for version in spec["versions"]:
                schema = strict(version["schema"]["openAPIV3Schema"])
                yield _path(spec["group"], version["name"], spec["names"]["kind"]), schema


def _path(group: str, version: str, kind: str) -> str:
    return f"{group or version}/{kind.lower()}_{version.lower()}.json"


def _standalone(name: str, definitions: dict[str, Schema]) -> Schema:
    needed: dict[str, Schema] = {}
    pending = [name]
    while pending:
        each = pending.pop()
        if each not in needed:
            needed[each] = definitions[each]
            pending.extend(_references(definitions[each]))
    return {**needed[name], "definitions": needed}


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].removeprefix(_REF)
        for each in node.values():
            yield from _references(each)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)


def _build(folder: Path) -> None:
    openapi = _module(KUBERNETES) / "api" / "openapi-spec" / "swagger.json"
    operator = _module(CLOUDNATIVEPG) / "releases" / f"cnpg-{pinned(CLOUDNATIVEPG).removeprefix('v')}.yaml"
    scaled_objects = _module(KEDA) / "config" / "crd" / "bases" / "keda.sh_scaledobjects.yaml"
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
    try:
        custom = f"{operator.read_text()}\n---\n{scaled_objects.read_text()}"
        for schemas in (builtin_schemas(json.loads(openapi.read_text())), custom_schemas(custom)):
            for path, schema in schemas:
                target = draft / path
                target.parent.mkdir(exist_ok=True)
                target.write_text(json.dumps(schema))
        try:
            draft.rename(folder)
        except OSError:
            # Another test run was first; its result is as good.
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _module(path: str) -> Path:
    """The folder of a module at its pinned version: from the project's module cache, else downloaded."""
    version = pinned(path)
    modules = cache_folder() / "go" / "mod"
    folder = modules / f"{path}@{version}"
    if folder.is_dir():
        return folder
    go = shutil.which("go")
    if go is None:
        raise ToolMissing(f"no go to download {path}@{version} with; get it with: python -m reference.cluster tools")
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(  # noqa: S603
            [go, "mod", "download", "-json", f"{path}@{version}"],
            cwd=empty,
            env={**os.environ, "GOMODCACHE": str(modules), "GOFLAGS": "-mod=mod"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    if done.returncode != 0:
        raise ToolMissing(f"go mod download {path}@{version}: {done.stdout}{done.stderr}")
    return Path(json.loads(done.stdout)["Dir"])
