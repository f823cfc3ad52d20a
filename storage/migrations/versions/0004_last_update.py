"""What a chat did last: a contact keeps the id and the moment of the last update handled for it."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('contact', sa.Column('last_update', sa.BigInteger(), nullable=True))
    op.add_column('contact', sa.Column('last_update_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column('contact', 'last_update_at')
    op.drop_column('contact', 'last_update')
