"""Whether nobody serves a bot any more: its chats are out of reach until somebody does again."""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('bot', sa.Column('retired', sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column('bot', 'retired')
