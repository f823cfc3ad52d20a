"""Class cards, summaries and flags are found by what they are about, households by their chat only."""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

NEW, OLD = 'ix_card_about_id', 'ix_card_day_about_id'


def upgrade() -> None:
    something = sa.text('about_id <> 0')
    op.create_index(
        NEW, 'card', ['about_id', 'day'], sqlite_where=something, postgresql_where=something
    )
    op.drop_index(OLD, 'card')


def downgrade() -> None:
    op.create_index(OLD, 'card', ['day', 'about_id'])
    op.drop_index(NEW, 'card')
