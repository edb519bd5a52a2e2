"""What goes wrong, in Meilisearch's words: code, type and status are the ones its clients know."""

from __future__ import annotations

from typing import Any

_TYPES = {401: "auth", 403: "auth", 500: "internal", 501: "not_implemented"}
# Not every status tells the type: Meilisearch counts a full disk, say, as "system"; those are not served here.


class ApiError(Exception):
    """An answer other than success, or the reason why a task failed."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def body(self) -> dict[str, Any]:
        """The error as Meilisearch writes it."""
        return {
            "message": self.message,
            "code": self.code,
            "type": _TYPES.get(self.status, "invalid_request"),
            "link": "",
        }


def bad_request(code: str, message: str) -> ApiError:
    return ApiError(400, code, message)


def index_not_found(uid: str) -> ApiError:
    return ApiError(404, "index_not_found", f"Index `{uid}` not found.")


def document_not_found(document_id: str) -> ApiError:
    return ApiError(404, "document_not_found", f"Document `{document_id}` not found.")


def task_not_found(uid: int) -> ApiError:
    return ApiError(404, "task_not_found", f"Task `{uid}` not found.")


def not_served(what: str) -> ApiError:
    """The engine's wheel cannot do it, so neither can this server; better said than half done."""
    return ApiError(501, "not_implemented", f"{what} is not served by this search engine.")
