"""KEDA is cut down to what is compiled, and what is not as it was is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from reference.cluster import keda
from reference.cluster.versions import OtherSource
from reference.tests.cluster.sources import module_of

BUILDER = """package scaling
\tswitch triggerType {
\tcase "kafka":
\t\treturn scalers.NewKafkaScaler(ctx, config)
\t// a remark
\tcase "prometheus":
\t\treturn scalers.NewPrometheusScaler(config)
\tcase "redis":
\t\treturn scalers.NewRedisScaler(ctx, config)
\tdefault:
\t\treturn nil, nil
\t}
"""
SOURCES = {
    "go.mod": "module keda",
    "pkg/scaling/scalers_builder.go": BUILDER,
    "pkg/scaling/scalers_builder_test.go": "package scaling",
    "pkg/scalers/prometheus_scaler.go": "package scalers",
    "pkg/scalers/kafka_scaler.go": "package scalers",
    "pkg/scalers/aws/aws_sigv4.go": "package aws",
    "pkg/scalers/authentication/helpers.go": 'import "github.com/dysnix/predictkube-libs/external/http_transport"\n',
    "pkg/util/ginkgo_reporter.go": "package util",
    "pkg/scaling/resolver/hashicorpvault_handler.go": "package resolver",
    "pkg/scaling/resolver/scale_resolvers.go": "package resolver",
    "tests/e2e.go": "package tests",
}
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  template:
    spec:
      nodeSelector: {{kubernetes.io/os: linux}}
      containers:
      - args: [--leader-elect, --zap-log-level=info]
        image: ghcr.io/kedacore/keda:main
        readinessProbe: {{initialDelaySeconds: 20}}
"""
WEBHOOK = "kind: ValidatingWebhookConfiguration\nmetadata:\n  name: keda-admission\n"
KIND = "kind: CustomResourceDefinition\nmetadata:\n  name: scaledobjects.keda.sh\n"
SERVICE = "kind: Service\nmetadata:\n  name: keda-operator\n"


@pytest.fixture
def module(tmp_path: Path) -> Path:
    return module_of(SOURCES, tmp_path / "module")


def test_one_scaler_is_left_and_stand_ins_for_what_it_asks_for(module: Path, tmp_path: Path) -> None:
    keda.SOURCE.lay_out(module, tmp_path)
    found = {file.relative_to(tmp_path).as_posix() for file in (tmp_path / "pkg").rglob("*.go")}
    assert {"pkg/scalers/prometheus_scaler.go", "pkg/scaling/resolver/scale_resolvers.go"} <= found
    assert {"pkg/scalers/aws/none.go", "pkg/scaling/resolver/none.go"} <= found
    gone = ("kafka_scaler", "aws_sigv4", "hashicorpvault", "ginkgo", "_test.go")
    assert not [name for name in found if any(part in name for part in gone)]
    assert not (tmp_path / "tests").exists()
    (wanted,) = (tmp_path / "pkg/scalers/authentication/helpers.go").read_text().splitlines()
    assert wanted == f'import "{keda.MODULE}/pkg/fasthttp/http_transport"'
    assert "pkg/fasthttp/http_transport/none.go" in found
    builder = (tmp_path / "pkg/scaling/scalers_builder.go").read_text()
    assert builder.count("case ") == 1
    assert "NewPrometheusScaler" in builder
    assert "default:" in builder


def test_a_source_that_chooses_its_scaler_elsewhere_is_refused(module: Path, tmp_path: Path) -> None:
    (module / "pkg/scaling/scalers_builder.go").write_text("package scaling")
    with pytest.raises(OtherSource, match="does not choose a prometheus scaler"):
        keda.SOURCE.lay_out(module, tmp_path)


def test_the_kinds_stand_by_themselves_and_the_rest_is_without_webhooks_and_stay_on_the_control_plane() -> None:
    shipped = "\n---\n".join((KIND, SERVICE, DEPLOYMENT.format(name="keda-operator"), WEBHOOK))
    (kind,) = yaml.safe_load_all(keda.kinds(shipped))
    assert kind["kind"] == "CustomResourceDefinition"
    service, operator = yaml.safe_load_all(keda.manifests(shipped, {"keda-operator": "here:1"}))
    assert service["kind"] == "Service"
    pod = operator["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"node-role.kubernetes.io/control-plane": ""}
    assert pod["containers"][0]["image"] == "here:1"
    assert "--leader-elect" not in pod["containers"][0]["args"]


@pytest.mark.parametrize(("images", "reason"), [({}, "a deployment keda-operator"), ({"other": "x"}, "deployment")])
def test_manifests_of_other_deployments_are_refused(images: dict[str, str], reason: str) -> None:
    with pytest.raises(OtherSource, match=reason):
        keda.manifests(DEPLOYMENT.format(name="keda-operator"), images)
