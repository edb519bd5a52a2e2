"""What goes into images, as far as it is known without making any."""

from __future__ import annotations

from reference.cluster import images
from reference.cluster.paths import REPOSITORY


def test_what_plays_users_is_there_and_nobody_waits_for_it() -> None:
    assert all((REPOSITORY / part).exists() for part in images.PLAYS_USERS)
    assert images.RECIPES[images.LOAD_GENERATOR].carries == images.PLAYS_USERS
    of_up = {*images.CONTROL_PLANE, *images.SERVICES, *images.OWN, *images.TOOLS}
    assert of_up == images.RECIPES.keys() - set(images.ON_DEMAND)
