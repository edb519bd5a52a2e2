"""The connection to a cluster's API, and its errors in words: every one is a ClientError naming the call."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from kubernetes import config
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError

from suites.harness.errors import ClientError, TargetError
from suites.harness.target import HOW_TO_GET_ONE, Target

# An API server that does not answer within this is not there; the calls are all small.
CALL_ANSWERED_S = (5, 20)


def api_client(target: Target) -> Any:
    """A connection to the target's cluster. Raises TargetError when the kubeconfig does not lead to one."""
    return connect(target.kubeconfig, target.context)


def connect(kubeconfig: Path, context: str) -> Any:
    """A connection to the context's cluster. Raises TargetError when the kubeconfig does not lead to one."""
    if not kubeconfig.is_file():
        raise TargetError(f"no kubeconfig at {kubeconfig}: {HOW_TO_GET_ONE}")
    try:
        # Read by hand: the driver refuses a file without a current context, as a cluster that is gone leaves it.
        content = yaml.safe_load(kubeconfig.read_text(encoding="utf-8")) or {}
        names = sorted(str(context["name"]) for context in content.get("contexts") or ())
        if context not in names:
            raise TargetError(
                f"no context {context!r} in {kubeconfig}; it has {', '.join(names) or 'none'}: {HOW_TO_GET_ONE}"
            )
        return config.new_client_from_config(str(kubeconfig), context=context)
    except (ConfigException, yaml.YAMLError, OSError, AttributeError, KeyError, TypeError) as error:
        raise TargetError(f"{kubeconfig} is not a kubeconfig: {_one_line(error)}") from error


@contextlib.contextmanager
def named(call: str) -> Iterator[None]:
    """Turn whatever the driver raises during `call` into a ClientError that names it."""
    try:
        yield
    except ApiException as error:
        raise ClientError(f"{call}: {error.status} {error.reason}: {_one_line(error.body or '')}") from error
    except (HTTPError, OSError) as error:
        raise ClientError(f"{call}: {_one_line(error)}") from error


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:300]
