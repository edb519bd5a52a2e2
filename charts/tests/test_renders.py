"""Each chart lints, is what the Kubernetes API takes, and renders what was last agreed on."""

from __future__ import annotations

import difflib
import os

import pytest

from charts.tests.rendering import CHARTS, COMBINATIONS, GOLDEN, IMAGE, RenderFailed, render, run, tool
from charts.tests.schemas import schema_location

# The defaults are the base of all; a golden of their own, or of a few lines laid over them, would only repeat it.
GOLDEN_COMBINATIONS = [each for each in COMBINATIONS if each[1] in ("values-kind", "values-production")]


def kubeconform(manifest: str) -> tuple[int, str]:
    done = run(tool("kubeconform"), "-strict", "-summary", "-schema-location", schema_location(), "-", stdin=manifest)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("chart", "values"), COMBINATIONS)
def test_lints(chart: str, values: str) -> None:
    """`helm lint --strict` has nothing to say."""
    settings = [word for setting in COMBINATIONS[chart, values] for word in ("--set", setting)]
    folder = CHARTS / chart
    done = run(tool("helm"), "lint", "--strict", str(folder), "--values", str(folder / f"{values}.yaml"), *settings)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("chart", "values"), COMBINATIONS)
def test_conforms(chart: str, values: str) -> None:
    """Every object is valid for the cluster's Kubernetes and CloudNativePG, with no field that they do not know."""
    status, words = kubeconform(render(chart, values))
    assert status == 0, words
    assert "Skipped: 0" in words, words


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("readOnlyRootFilesystem", "readonlyRootFilesystem"),
        ("failoverDelay: 0", "failoverDelay: none"),
        ("switchoverDelay", "switchOverDelay"),
        ("imagePullPolicy: IfNotPresent\n          args", "imagePullPolicy: []\n          args"),
    ],
)
def test_what_does_not_conform_is_seen(right: str, wrong: str) -> None:
    """A misspelt field or a wrong type is refused, in Kubernetes' kinds and in CloudNativePG's."""
    manifest = render("site-search", "values-kind")
    assert right in manifest
    status, words = kubeconform(manifest.replace(right, wrong))
    assert status != 0, words


@pytest.mark.parametrize(("chart", "values"), GOLDEN_COMBINATIONS)
def test_renders_as_agreed(chart: str, values: str) -> None:
    """The render is the golden one; UPDATE_GOLDEN=1 accepts a change, to be read in the diff of the commit."""
    golden = GOLDEN / f"{chart}-{values.removeprefix('values-')}.yaml"
    rendered = render(chart, values)
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(rendered)
    agreed = golden.read_text() if golden.exists() else ""
    before, after = agreed.splitlines(), rendered.splitlines()
    difference = difflib.unified_diff(before, after, golden.name, "rendered", lineterm="", n=2)
    assert rendered == agreed, "\n".join(difference)


@pytest.mark.parametrize(
    ("chart", "setting", "words"),
    [
        ("site-search", "app.replica=3", "replica"),
        ("site-search", "app.image.repository=", "app.image.repository is not set"),
        ("site-search", "app.image.tag=latest of all", "tag"),
        ("site-search", "postgresql.mode=mysql", "mode"),
        ("site-search", "postgresql.mode=external", "postgresql.external.existingSecret is not set"),
        ("site-search", "postgresql.synchronous.number=0", "number"),
        ("site-search", "app.drainSeconds=60", "terminationGracePeriodSeconds must be at least"),
        ("site-search", "ingress.tls.enabled=true", "ingress.tls needs ingress.host"),
        ("site-search", "redis.maxmemory=much", "maxmemory"),
        ("site-search-monitoring", "prometheus.scrapeInterval=15", "scrapeInterval"),
        ("site-search-monitoring", "kubeStateMetrics.resourceKinds={secrets}", 'no role is known for "secrets"'),
        ("site-search-monitoring", "grafana.enabled=true", "grafana"),
        ("site-search-load", "workers=0", "workers"),
        ("site-search-load", "image.tag=", "image.tag is not set"),
        ("site-search-load", "target.url=", "target.url is not set: where pods reach the ingress"),
        ("site-search-load", "target.url=http://ingress/path", "url"),
        ("site-search-load", "script=", "script is not set"),
    ],
)
def test_bad_values_are_refused_by_name(chart: str, setting: str, words: str) -> None:
    """A value that cannot work stops the install before anything is applied, and the message names it."""
    with pytest.raises(RenderFailed) as refused:
        render(chart, "values-kind", setting)
    assert words in str(refused.value)


def test_the_image_must_be_named() -> None:
    """Without an image of the platform's own the chart says which value is missing."""
    with pytest.raises(RenderFailed, match=r"app\.image\.repository is not set"):
        render("site-search", "values", IMAGE[0].split("=")[0] + "=")
