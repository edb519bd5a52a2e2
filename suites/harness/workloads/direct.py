"""The same searches, asked of the search engine itself in place of the platform."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from suites.harness.workloads.request import Request, Requests

# As the reference platform asks: what a hit's title, address and snippet are made of, and no more.
_WANTED = {
    "attributesToRetrieve": ["url", "title"],
    "attributesToCrop": ["content"],
    "cropLength": 30,
    "attributesToHighlight": ["content"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedDirectly:
    """Each search of the platform as the search of its site's index (`site-{id}`) by Meilisearch's HTTP API."""

    searches: Requests
    master_key: str

    def __iter__(self) -> Iterator[Request]:
        headers = (("Authorization", f"Bearer {self.master_key}"), ("Content-Type", "application/json"))
        for search in self.searches:
            asked = {name: values[0] for name, values in parse_qs(urlsplit(search.path).query).items()}
            body = {"q": asked["q"], "limit": int(asked["limit"]), "offset": int(asked["offset"]), **_WANTED}
            yield Request(
                path=f"/indexes/site-{asked['site']}/search",
                method="POST",
                headers=headers,
                body=json.dumps(body).encode(),
                label=search.label,
                expect=search.expect,
            )
