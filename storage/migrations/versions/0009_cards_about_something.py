"""Class cards, summaries and flags are found by what they are about, households by their chat only.

What is outlived is found by its day. On PostgreSQL that is an index of ranges: it is never the way
to one family's card, however little is known of today.
"""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

NEW, DAY, OLD = 'ix_card_about_id', 'ix_card_day', 'ix_card_day_about_id'


def upgrade() -> None:
    something = sa.text('about_id <> 0')
    op.create_index(
        NEW, 'card', ['about_id', 'day'], sqlite_where=something, postgresql_where=something
    )
    op.create_index(DAY, 'card', ['day'], postgresql_using='brin')
    op.drop_index(OLD, 'card')


def downgrade() -> None:
    op.create_index(OLD, 'card', ['day', 'about_id'])
    op.drop_index(DAY, 'card')
    op.drop_index(NEW, 'card')
