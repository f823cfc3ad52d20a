"""What a chat tapped last: the same button tapped again and again is handled once."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('contact', sa.Column('last_tap', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column('contact', sa.Column('last_tap_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column('contact', 'last_tap_at')
    op.drop_column('contact', 'last_tap')
