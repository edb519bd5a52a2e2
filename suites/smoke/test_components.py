"""Everything the platform is made of is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.claims import all_true
from suites.harness.errors import ClientError

if TYPE_CHECKING:
    from suites.fixtures.evidence import Judge
    from suites.harness.clients.kubernetes import Cluster
    from suites.harness.clients.site_search import SiteSearch

pytestmark = pytest.mark.smoke


@pytest.mark.objective("smoke.components_ready")
def test_every_component_is_ready_and_the_platform_says_so(
    cluster: Cluster, platform: SiteSearch, judge: Judge
) -> None:
    """Each workload has all its replicas ready, and `/ready` through the ingress finds every dependency healthy."""
    components = [cluster.readiness(component) for component in cluster.target.components]
    claims = {str(component): component.is_ready for component in components}
    judge("smoke.components_ready", all_true(claims | _what_the_platform_says(platform)))


def _what_the_platform_says(platform: SiteSearch) -> dict[str, bool]:
    try:
        said = platform.ready()
    except ClientError as error:
        return {f"the ingress answers /ready: {error}": False}
    dependencies = {f"/ready: {name} healthy": healthy for name, healthy in said.dependencies.items()}
    return {
        f"/ready answers 200: {said.status}": said.status == 200,
        "/ready names its dependencies": bool(dependencies),
    } | dependencies
