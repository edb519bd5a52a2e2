"""Who may do what: the master key, and the two keys that Meilisearch derives from it."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from typing import Any

from reference.searchengine.errors import ApiError

# Where the derived keys' identifiers come from; with the instance's own they are the same after every restart.
_NAMES = {
    "Default Search API Key": ("Use it to search from the frontend", ["search"]),
    "Default Admin API Key": (
        "Use it for anything that is not a search operation. Caution! Do not expose it on a public frontend",
        ["*"],
    ),
}


class Keys:
    """Checks requests' keys. Without a master key everything is open, as with Meilisearch."""

    def __init__(self, master: str | None, instance_uid: str, created_at: str) -> None:
        self._master = master
        self._all: list[dict[str, Any]] = []
        self._actions: dict[str, list[str]] = {}
        for name, (description, actions) in _NAMES.items():
            uid = str(uuid.uuid5(uuid.UUID(instance_uid), name))
            key = hmac.new((master or "").encode(), uid.encode(), hashlib.sha256).hexdigest()
            self._actions[key] = actions
            self._all.append(
                {
                    "name": name,
                    "description": description,
                    "key": key,
                    "uid": uid,
                    "actions": actions,
                    "indexes": ["*"],
                    "expiresAt": None,
                    "createdAt": created_at,
                    "updatedAt": created_at,
                }
            )

    def require(self, authorization: str | None, action: str) -> None:
        """Let pass or raise. Managing keys takes the master key itself."""
        if self._master is None:
            if action == "keys":
                raise ApiError(
                    401,
                    "missing_master_key",
                    "Meilisearch is running without a master key. To access this API endpoint, you must have set a "
                    "master key at launch.",
                )
            return
        if authorization is None:
            raise ApiError(
                401,
                "missing_authorization_header",
                "The Authorization header is missing. It must use the bearer authorization method.",
            )
        scheme, _, given = authorization.partition(" ")
        given = given.strip()
        if scheme.lower() == "bearer":
            if hmac.compare_digest(given.encode(), self._master.encode()):
                return
            allowed = self._actions.get(given, [])
            if action != "keys" and ("*" in allowed or action in allowed):
                return
        raise ApiError(403, "invalid_api_key", "The provided API key is invalid.")

    def listing(self, limit: int, offset: int) -> dict[str, Any]:
        return {
            "results": self._all[offset : offset + limit],
            "offset": offset,
            "limit": limit,
            "total": len(self._all),
        }

    def find(self, uid_or_key: str) -> dict[str, Any]:
        for key in self._all:
            if uid_or_key in (key["uid"], key["key"]):
                return key
        raise ApiError(404, "api_key_not_found", f"API key `{uid_or_key}` not found.")
