"""Whether only the evening before has asked in a round: until the morning asks, it is evening."""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('round', sa.Column('evening', sa.Boolean(), server_default=sa.false(), nullable=False))
    held = sa.table('round', *map(sa.column, ('plan_id', 'day', 'closed_at', 'evening')))
    step = sa.table('occurrence', *map(sa.column, ('plan_id', 'round_date', 'step')))
    decided = sa.exists().where(step.c.plan_id == held.c.plan_id, step.c.round_date == held.c.day)
    op.execute(
        sa.update(held)
        .where(
            held.c.closed_at.is_(None),
            decided.where(step.c.step.startswith('evening')),
            ~decided.where(step.c.step == 'ask'),
        )
        .values(evening=sa.true())
    )


def downgrade() -> None:
    op.drop_column('round', 'evening')
