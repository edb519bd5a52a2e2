"""The API's objects, as the OpenAPI document shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Failure(BaseModel):
    detail: str
    code: str
    request_id: str


class NewSite(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    base_url: str = Field(min_length=8, max_length=1000, examples=["https://example.org/docs/"])


class SiteShape(BaseModel):
    id: str
    name: str
    base_url: str
    created_at: datetime


class SiteList(BaseModel):
    items: list[SiteShape]
    total: int


class NewScrape(BaseModel):
    model_config = ConfigDict(extra="forbid")

    max_pages: int = Field(default=10_000, ge=1, le=100_000)


class ScrapeShape(BaseModel):
    id: str
    site_id: str
    status: Literal["queued", "running", "completed", "failed"]
    max_pages: int
    pages_found: int
    pages_stored: int
    pages_failed: int
    attempts: int
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class PageShape(BaseModel):
    url: str
    title: str
    checksum: str = Field(description="SHA-256 of the body as served.")


class PageList(BaseModel):
    items: list[PageShape]
    total: int


class Hit(BaseModel):
    url: str
    title: str
    snippet: str = Field(description="HTML-escaped text in which hits are marked with <em>.")


class SearchResult(BaseModel):
    hits: list[Hit]
    total: int
    limit: int
    offset: int
    degraded: bool
    took_ms: float
