"""KEDA, the autoscaler: its source cut down to the scaler that the platform uses, and its manifests.

As released it links the SDK of every cloud and the client of every broker. Of its scalers one is left.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from .shortened import Shortened
from .versions import OtherSource

MODULE = "github.com/kedacore/keda/v2"
NAMESPACE = "keda"
TRIGGER = "prometheus"

# A second HTTP client, for other scalers, which brings a compression and a validation of its own.
_FAST_HTTP = ("github.com/dysnix/predictkube-libs/external/", f"{MODULE}/pkg/fasthttp/")
_BUILDER = "pkg/scaling/scalers_builder.go"
_CHOICE = re.compile(r"(?<=\tswitch triggerType \{\n).*?(?=\tdefault:\n)", re.DOTALL)
_CASE = re.compile(rf'^\tcase "{TRIGGER}":\n(?:\t\t.*\n)+', re.MULTILINE)
_DEPLOYMENT = re.compile("^kind: Deployment$", re.MULTILINE)
_KIND = re.compile("^kind: CustomResourceDefinition$", re.MULTILINE)
_OF_WEBHOOKS = re.compile("^(kind: ValidatingWebhookConfiguration|  name: keda-admission.*)$", re.MULTILINE)

# On the node that no fault takes away, beside the API server that asks it.
_PLACE: dict[str, Any] = {
    "nodeSelector": {"node-role.kubernetes.io/control-plane": ""},
    "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}],
}
_RESOURCES = {"requests": {"cpu": "20m", "memory": "48Mi"}, "limits": {"memory": "256Mi"}}


def _edited(place: str, source: str) -> str:
    source = source.replace(*_FAST_HTTP)
    return _with_one_scaler(source) if place == _BUILDER else source


def _with_one_scaler(source: str) -> str:
    choice = _CHOICE.search(source)
    case = _CASE.search(choice[0]) if choice else None
    if choice is None or case is None:
        raise OtherSource(f"{_BUILDER} does not choose a {TRIGGER} scaler where it did")
    return source[: choice.start()] + case[0] + source[choice.end() :]


SOURCE = Shortened(
    name="keda",
    module=MODULE,
    folders=("apis", "cmd/adapter", "cmd/operator", "controllers", "pkg", "version"),
    left_out=(
        "pkg/scalers/*_scaler.go",
        "pkg/scalers/aws/*.go",
        "pkg/scalers/azure/*.go",
        "pkg/scalers/gcp/*.go",
        "pkg/scaling/resolver/*_handler.go",
        "pkg/eventemitter/azure_*.go",
        "pkg/util/ginkgo_*.go",
    ),
    kept=(f"pkg/scalers/{TRIGGER}_scaler.go",),
    edit=_edited,
    told_in=Path(__file__),
)


def kinds(shipped: str) -> str:
    """The kinds of objects that KEDA knows, of its own manifests: a chart can have such objects before KEDA runs."""
    return "\n---\n".join(text for text in shipped.split("\n---\n") if _KIND.search(text))


def manifests(shipped: str, images: dict[str, str]) -> str:
    """The rest of KEDA's own manifests for this cluster, without its admission webhooks. `images` are by Deployment.

    Nobody but the chart makes ScaledObjects here, and a webhook would be one more pod.
    """
    missing = set(images)
    texts = []
    for text in shipped.split("\n---\n"):
        if _KIND.search(text) or _OF_WEBHOOKS.search(text):
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
