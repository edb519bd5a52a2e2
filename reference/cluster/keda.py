"""KEDA, the autoscaler: its source cut down to the scaler that the platform uses, and its manifests.

As released it links the SDK of every cloud and the client of every broker. The module in the compiler's cache is laid
out anew with one scaler, and with stand-ins of ours (`go/_without/keda`) for the packages that lead to them; the
rest is compiled as it is.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from .paths import GO_MODULE
from .versions import OtherSource

MODULE = "github.com/kedacore/keda/v2"
NAMESPACE = "keda"
TRIGGER = "prometheus"

_STAND_INS = GO_MODULE / "_without" / "keda"
# What the two programs are made of.
_FOLDERS = ("apis", "cmd/adapter", "cmd/operator", "controllers", "pkg", "version")
# Left out, as patterns within a folder; stand-ins take the place of what is asked for elsewhere.
_LEFT_OUT = {
    "pkg/scalers": ("*_scaler.go",),
    "pkg/scalers/aws": ("*.go",),
    "pkg/scalers/azure": ("*.go",),
    "pkg/scalers/gcp": ("*.go",),
    "pkg/scaling/resolver": ("*_handler.go",),
    "pkg/eventemitter": ("azure_*.go",),
    "pkg/util": ("ginkgo_*.go",),
}
# A second HTTP client, for other scalers, which brings a compression and a validation of its own.
_FAST_HTTP = ("github.com/dysnix/predictkube-libs/external/", f"{MODULE}/pkg/fasthttp/")
_KEPT = {f"pkg/scalers/{TRIGGER}_scaler.go"}
_BUILDER = "pkg/scaling/scalers_builder.go"
_CHOICE = re.compile(r"(?<=\tswitch triggerType \{\n).*?(?=\tdefault:\n)", re.DOTALL)
_CASE = re.compile(rf'^\tcase "{TRIGGER}":\n(?:\t\t.*\n)+', re.MULTILINE)
_DEPLOYMENT = re.compile("^kind: Deployment$", re.MULTILINE)
_OF_WEBHOOKS = re.compile("^(kind: ValidatingWebhookConfiguration|  name: keda-admission.*)$", re.MULTILINE)

# On the node that no fault takes away, beside the API server that asks it.
_PLACE: dict[str, Any] = {
    "nodeSelector": {"node-role.kubernetes.io/control-plane": ""},
    "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}],
}
_RESOURCES = {"requests": {"cpu": "20m", "memory": "48Mi"}, "limits": {"memory": "256Mi"}}


def lay_out(module: Path, into: Path) -> None:
    """Copy what is to be compiled; the folder may stand in for the module. Raises OtherSource."""
    _place((module / "go.mod").read_text(), into / "go.mod")
    for folder in _FOLDERS:
        for file in sorted((module / folder).rglob("*.go")):
            place = file.relative_to(module)
            if place.as_posix() in _KEPT or not _is_left_out(place):
                _place(file.read_text().replace(*_FAST_HTTP), into / place)
    for file in sorted(_STAND_INS.rglob("*.go")):
        _place(file.read_text(), into / file.relative_to(_STAND_INS))
    _place(_with_one_scaler((module / _BUILDER).read_text()), into / _BUILDER)


def inputs() -> list[Path]:
    """What decides over the laid out source, beside the module's version."""
    return [Path(__file__), _STAND_INS]


def _is_left_out(file: Path) -> bool:
    patterns = ("*_test.go", *_LEFT_OUT.get(file.parent.as_posix(), ()))
    return any(file.match(pattern) for pattern in patterns)


def _place(text: str, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _with_one_scaler(source: str) -> str:
    choice = _CHOICE.search(source)
    case = _CASE.search(choice[0]) if choice else None
    if choice is None or case is None:
        raise OtherSource(f"{_BUILDER} does not choose a {TRIGGER} scaler where it did")
    return source[: choice.start()] + case[0] + source[choice.end() :]


def manifests(shipped: str, images: dict[str, str]) -> str:
    """KEDA's own manifests for this cluster, without its admission webhooks. `images` are by Deployment.

    Nobody but the chart makes ScaledObjects here, and a webhook would be one more pod.
    """
    missing = set(images)
    texts = []
    for text in shipped.split("\n---\n"):
        if _OF_WEBHOOKS.search(text):
            continue
        if _DEPLOYMENT.search(text):
            # Only these are read: all of them would take seconds.
            deployment = yaml.safe_load(text)
            name = deployment["metadata"]["name"]
            if name not in missing:
                raise OtherSource(f"KEDA's manifests have a deployment {name}")
            missing.remove(name)
            _adapt(deployment["spec"]["template"]["spec"], images[name])
            text = yaml.safe_dump(deployment)
        texts.append(text)
    if missing:
        raise OtherSource(f"KEDA's manifests have no deployment {', '.join(sorted(missing))}")
    return "\n---\n".join(texts)


def _adapt(pod: dict[str, Any], image: str) -> None:
    pod.update(_PLACE)
    (container,) = pod["containers"]
    container |= {"image": image, "imagePullPolicy": "IfNotPresent", "resources": _RESOURCES}
    # One of each: nobody to elect. What waits for it need not wait for twenty seconds first.
    if "--leader-elect" in container["args"]:
        container["args"].remove("--leader-elect")
        container["args"].append("--enable-webhook-patching=false")
    container["readinessProbe"] |= {"initialDelaySeconds": 0, "periodSeconds": 2}
