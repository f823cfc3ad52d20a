"""When the clock looks at a plan next: it need not look at all of a city's every second."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('plan', sa.Column('look_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
    op.add_column('plan', sa.Column('changes', sa.Integer(), server_default='0', nullable=False))


def downgrade() -> None:
    op.drop_column('plan', 'changes')
    op.drop_column('plan', 'look_at')
