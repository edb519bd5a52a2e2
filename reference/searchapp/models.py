"""The schema: sites, their pages, scrapes (which are their own outbox) and API keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP, TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_WHEN = TIMESTAMP(timezone=True)


class Base(DeclarativeBase):
    """Tables of searchapp, with predictable constraint names."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Site(Base):
    """A tenant. The id is random, never a sequence: after a restore to an earlier moment a new site must not
    come to own an older one's index."""

    __tablename__ = "sites"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    base_url: Mapped[str] = mapped_column(Text, unique=True)
    created_at: Mapped[datetime] = mapped_column(_WHEN, server_default=func.now())


class Page(Base):
    """One page of a site; its id follows from site and URL, so that storing it twice is storing it once."""

    __tablename__ = "pages"
    __table_args__ = (
        UniqueConstraint("site_id", "url"),
        Index("ix_pages_words", "words", postgresql_using="gin"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)
    checksum: Mapped[str] = mapped_column(Text)
    seen_at: Mapped[datetime] = mapped_column(_WHEN, server_default=func.now())
    # A tsvector may hold 1 MB; left() keeps one odd page from failing a batch.
    words: Mapped[str] = mapped_column(
        TSVECTOR,
        Computed(
            "setweight(to_tsvector('simple', left(title, 10000)), 'A') || "
            "setweight(to_tsvector('simple', left(content, 400000)), 'B')",
            persisted=True,
        ),
    )


class Scrape(Base):
    """A scrape request, and its own outbox entry: `dispatched_at` is null until a message was sent for it."""

    __tablename__ = "scrapes"
    __table_args__ = (
        UniqueConstraint("site_id", "idempotency_key"),
        CheckConstraint("status in ('queued', 'running', 'completed', 'failed')", name="status"),
        Index("ix_scrapes_open", "status", "not_before", postgresql_where=text("status in ('queued', 'running')")),
        Index("ix_scrapes_site_id", "site_id"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(Text, server_default="queued")
    max_pages: Mapped[int] = mapped_column(Integer)
    pages_found: Mapped[int] = mapped_column(Integer, server_default="0")
    pages_stored: Mapped[int] = mapped_column(Integer, server_default="0")
    pages_failed: Mapped[int] = mapped_column(Integer, server_default="0")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    error: Mapped[str | None] = mapped_column(Text)
    idempotency_key: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(_WHEN, server_default=func.now())
    started_at: Mapped[datetime | None] = mapped_column(_WHEN)
    finished_at: Mapped[datetime | None] = mapped_column(_WHEN)
    not_before: Mapped[datetime] = mapped_column(_WHEN, server_default=func.now())
    dispatched_at: Mapped[datetime | None] = mapped_column(_WHEN)
    lease: Mapped[str | None] = mapped_column(Text)
    heartbeat_at: Mapped[datetime | None] = mapped_column(_WHEN)


class ApiKey(Base):
    """A key that may write, hashed."""

    __tablename__ = "api_keys"

    key_hash: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(_WHEN, server_default=func.now())
    revoked_at: Mapped[datetime | None] = mapped_column(_WHEN)
