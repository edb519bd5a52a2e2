"""Each version stands once, and whatever is asked for can be told."""

from __future__ import annotations

import pytest

from reference.cluster import gobuild, images
from reference.cluster.paths import GO_MODULE, IMAGES
from reference.cluster.versions import versions


@pytest.mark.parametrize("image", sorted(versions().table["pull"]))
def test_every_upstream_image_has_a_version(image: str) -> None:
    reference = versions().pulled(image)
    assert "{" not in reference
    assert reference.rsplit(":", 1)[1] not in ("", "latest")


def test_upstream_versions_follow_the_go_module() -> None:
    assert versions().pulled("node").endswith(versions().kubernetes)
    assert not versions().pulled("cloudnative-pg").rsplit(":", 1)[1].startswith("v")


def test_staging_libraries_are_of_kubernetes_own_release() -> None:
    minor = versions().kubernetes.removeprefix("v1.")
    text = (GO_MODULE / "go.mod").read_text()
    assert f"k8s.io/client-go => k8s.io/client-go v0.{minor}" in text


def test_every_program_an_image_needs_is_built_by_a_group() -> None:
    programs = {recipe.program for recipe in images.RECIPES.values() if recipe.program}
    assert programs <= set(gobuild.GROUP_OF)


@pytest.mark.parametrize("name", sorted(images.RECIPES))
def test_every_image_has_a_dockerfile_whose_base_is_an_argument(name: str) -> None:
    recipe = images.RECIPES[name]
    text = (IMAGES / (recipe.folder or name) / "Dockerfile").read_text()
    assert "ARG BASE" in text
    assert "FROM $BASE" in text


def test_an_unknown_image_is_named_with_those_there_are() -> None:
    with pytest.raises(images.UnknownImage, match=r"no image 'nginx'; there are .*searchapp"):
        images.reference("nginx")
