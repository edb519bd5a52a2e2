"""Sites, pages, scrapes and API keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP, TSVECTOR

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _when(name: str, *, nullable: bool, now: bool = False) -> sa.Column[object]:
    return sa.Column(name, TIMESTAMP(timezone=True), nullable=nullable, server_default=sa.func.now() if now else None)


def upgrade() -> None:
    op.create_table(
        "sites",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("base_url", sa.Text, nullable=False),
        _when("created_at", nullable=False, now=True),
        sa.PrimaryKeyConstraint("id", name="pk_sites"),
        sa.UniqueConstraint("base_url", name="uq_sites_base_url"),
    )
    op.create_table(
        "pages",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("site_id", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("checksum", sa.Text, nullable=False),
        _when("seen_at", nullable=False, now=True),
        sa.Column(
            "words",
            TSVECTOR,
            sa.Computed(
                "setweight(to_tsvector('simple', left(title, 10000)), 'A') || "
                "setweight(to_tsvector('simple', left(content, 400000)), 'B')",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_pages"),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name="fk_pages_site_id", ondelete="CASCADE"),
        sa.UniqueConstraint("site_id", "url", name="uq_pages_site_id_url"),
    )
    op.create_index("ix_pages_words", "pages", ["words"], postgresql_using="gin")
    op.create_table(
        "scrapes",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("site_id", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="queued"),
        sa.Column("max_pages", sa.Integer, nullable=False),
        sa.Column("pages_found", sa.Integer, nullable=False, server_default="0"),
        sa.Column("pages_stored", sa.Integer, nullable=False, server_default="0"),
        sa.Column("pages_failed", sa.Integer, nullable=False, server_default="0"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("error", sa.Text, nullable=True),
        sa.Column("idempotency_key", sa.Text, nullable=True),
        _when("created_at", nullable=False, now=True),
        _when("started_at", nullable=True),
        _when("finished_at", nullable=True),
        _when("not_before", nullable=False, now=True),
        _when("dispatched_at", nullable=True),
        sa.Column("lease", sa.Text, nullable=True),
        _when("heartbeat_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_scrapes"),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name="fk_scrapes_site_id", ondelete="CASCADE"),
        sa.UniqueConstraint("site_id", "idempotency_key", name="uq_scrapes_site_id_idempotency_key"),
        sa.CheckConstraint("status in ('queued', 'running', 'completed', 'failed')", name=op.f("ck_scrapes_status")),
    )
    op.create_index(
        "ix_scrapes_open",
        "scrapes",
        ["status", "not_before"],
        postgresql_where=sa.text("status in ('queued', 'running')"),
    )
    op.create_index("ix_scrapes_site_id", "scrapes", ["site_id"])
    op.create_table(
        "api_keys",
        sa.Column("key_hash", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        _when("created_at", nullable=False, now=True),
        _when("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("key_hash", name="pk_api_keys"),
    )


def downgrade() -> None:
    for table in ("api_keys", "scrapes", "pages", "sites"):
        op.drop_table(table)
