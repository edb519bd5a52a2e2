"""What our ingress adds to Skipper, tested where it is written: in Go, without Skipper."""

from __future__ import annotations

from reference.cluster import gobuild
from reference.cluster.paths import GO_MODULE
from reference.cluster.process import run


def test_the_parts_of_the_ingress() -> None:
    told = run(gobuild.go(), "test", "./ingress/elsewhere", "./ingress/whole", cwd=GO_MODULE, env=gobuild.environment())
    assert told.count("ok ") == 2
