"""Delivery that can be trusted: a bot is leased to one process."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('bot_lease',
    sa.Column('bot_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('part', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('owner', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('lease_until', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['bot_id'], ['bot.id'], name=op.f('fk_bot_lease_bot_id_bot'), initially='DEFERRED', deferrable=True),
    sa.PrimaryKeyConstraint('bot_id', 'part', name=op.f('pk_bot_lease'))
    )


def downgrade() -> None:
    op.drop_table('bot_lease')
