"""What somebody agreed to is found by who they are, and not among all that the city agreed to."""

from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_consent_given_by', 'consent', ['given_by'])


def downgrade() -> None:
    op.drop_index('ix_consent_given_by', 'consent')
