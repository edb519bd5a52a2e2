"""A column that the version before does not know: added without a default, so no row is written anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "x0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("scrapes", sa.Column("rehearsed", sa.Text, nullable=True))


def downgrade() -> None:
    op.drop_column("scrapes", "rehearsed")
