"""Delivery that can be trusted: a bot is leased to one process; what grows each day is parted by time.

On PostgreSQL the ledger and the history become tables of months, a part each; what they hold is
moved over. On SQLite the ledger only gets its day.
"""

import re
from datetime import date

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

_UNDATED = date(1970, 1, 1)
_FIRST = '2000-01-01'  # days before it are none: causes that name no day
_NAMED_DAY = r':(\d{4}-\d{2}-\d{2})(?=:|$)'
_DEFERRED = 'DEFERRABLE INITIALLY DEFERRED'

_OLD_KEY = ['bot_id', 'contact_id', 'cause', 'rung', 'edition']
_NEW_KEY = ['day', *_OLD_KEY]
_LEDGER_LINKS = {'bot_id': 'bot', 'card_id': 'card', 'contact_id': 'contact'}
_LEDGER_INDEXES = {
    'ix_ledger_card_id': '(card_id)',
    'ix_ledger_pending': "(bot_id, lane, turn, id) WHERE state = 'pending'",
    'ix_ledger_school': '(school_id, created_at) WHERE school_id IS NOT NULL',
    'ix_ledger_sending': "(bot_id, lease_until) WHERE state IN ('sending', 'unknown', 'withdrawing')",
    'ix_ledger_stopped': "(school_id) WHERE state = 'stopped'",
}
_HISTORY_LINKS = {'by': 'person', 'check_in_id': 'check_in', 'subject_id': 'person'}
_HISTORY_INDEXES = {'ix_history_entry_check_in_id': '(check_in_id)'}


def upgrade() -> None:
    op.add_column('bot', sa.Column('pace', sa.Float(), nullable=True))
    op.add_column('bot', sa.Column('pace_allowed', sa.Float(), nullable=True))
    op.add_column('bot', sa.Column('pace_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
    op.add_column('bot', sa.Column('rests_until', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
    op.create_index('ix_card_sending', 'card', ['day'], unique=False, sqlite_where=sa.text("kind = 'sending'"), postgresql_where=sa.text("kind = 'sending'"))
    op.add_column('ledger', sa.Column('turn', sa.BigInteger(), server_default='0', nullable=False))
    op.add_column('ledger', sa.Column('school_id', sa.BigInteger(), nullable=True))
    op.drop_index('ix_ledger_pending', table_name='ledger')
    op.create_index('ix_ledger_pending', 'ledger', ['bot_id', 'lane', 'turn', 'id'], unique=False, sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
    op.create_index('ix_ledger_school', 'ledger', ['school_id', 'created_at'], unique=False, sqlite_where=sa.text('school_id IS NOT NULL'), postgresql_where=sa.text('school_id IS NOT NULL'))
    op.create_index('ix_ledger_stopped', 'ledger', ['school_id'], unique=False, sqlite_where=sa.text("state = 'stopped'"), postgresql_where=sa.text("state = 'stopped'"))
    op.create_table('bot_lease',
    sa.Column('bot_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('part', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('owner', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('lease_until', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['bot_id'], ['bot.id'], name=op.f('fk_bot_lease_bot_id_bot'), initially='DEFERRED', deferrable=True),
    sa.PrimaryKeyConstraint('bot_id', 'part', name=op.f('pk_bot_lease'))
    )
    op.create_table('purge',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('what', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('before', sa.Date(), nullable=False),
    sa.Column('announced_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('done_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_purge')),
    sa.UniqueConstraint('what', 'before', name=op.f('uq_purge_what_before'))
    )
    if op.get_bind().dialect.name == 'sqlite':
        _name_days_on_sqlite()
    else:
        _run('ALTER TABLE ledger ADD COLUMN day DATE')
        _run(f"UPDATE ledger SET day = coalesce(substring(cause FROM '{_NAMED_DAY}')::date, '{_UNDATED}')")
        _run('ALTER TABLE ledger ALTER COLUMN day SET NOT NULL')
        _run('SET CONSTRAINTS ALL IMMEDIATE')
        _rebuild('ledger', 'day', _LEDGER_LINKS, _LEDGER_INDEXES, _NEW_KEY)
        _rebuild('history_entry', 'at', _HISTORY_LINKS, _HISTORY_INDEXES)
    # Those that have not been sent yet are not behind: in the morning that is nearly all of them.
    op.drop_index('ix_card_stale', table_name='card')
    op.create_index('ix_card_behind', 'card', ['bot_id', 'id'], unique=False, sqlite_where=sa.text('shown < revision AND message_id IS NOT NULL'), postgresql_where=sa.text('shown < revision AND message_id IS NOT NULL'))
    op.create_index('ix_ledger_expiring', 'ledger', ['bot_id', 'not_after'], unique=False, sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
    op.create_index('ix_ledger_not_sent', 'ledger', ['created_at', 'bot_id', 'state'], unique=False, sqlite_where=sa.text("state IN ('stopped', 'unclear', 'failed', 'expired')"), postgresql_where=sa.text("state IN ('stopped', 'unclear', 'failed', 'expired')"))


def downgrade() -> None:
    op.drop_index('ix_ledger_not_sent', table_name='ledger', sqlite_where=sa.text("state IN ('stopped', 'unclear', 'failed', 'expired')"), postgresql_where=sa.text("state IN ('stopped', 'unclear', 'failed', 'expired')"))
    op.drop_index('ix_card_behind', table_name='card')
    op.create_index('ix_card_stale', 'card', ['bot_id', 'id'], unique=False, sqlite_where=sa.text('shown < revision'), postgresql_where=sa.text('shown < revision'))
    op.drop_index('ix_ledger_expiring', table_name='ledger', sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
    if op.get_bind().dialect.name == 'sqlite':
        with op.batch_alter_table('ledger', schema=None) as batch_op:
            batch_op.drop_constraint(batch_op.f(_key_name(_NEW_KEY)), type_='unique')
            batch_op.drop_column('day')
            batch_op.create_unique_constraint(batch_op.f(_key_name(_OLD_KEY)), _OLD_KEY)
    else:
        _run('SET CONSTRAINTS ALL IMMEDIATE')
        _rebuild('history_entry', None, _HISTORY_LINKS, _HISTORY_INDEXES)
        _rebuild('ledger', None, _LEDGER_LINKS, _LEDGER_INDEXES, _OLD_KEY)
        _run('ALTER TABLE ledger DROP COLUMN day')
    op.drop_table('purge')
    op.drop_table('bot_lease')
    op.drop_index('ix_ledger_stopped', table_name='ledger')
    op.drop_index('ix_ledger_school', table_name='ledger')
    op.drop_index('ix_ledger_pending', table_name='ledger')
    op.create_index('ix_ledger_pending', 'ledger', ['bot_id', 'lane', 'id'], unique=False, sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
    op.drop_index('ix_card_sending', table_name='card')
    for column in ('rests_until', 'pace_at', 'pace_allowed', 'pace'):
        op.drop_column('bot', column)
    op.drop_column('ledger', 'school_id')
    op.drop_column('ledger', 'turn')


def _run(statement: str) -> sa.CursorResult:
    return op.get_bind().exec_driver_sql(statement)


def _key_name(columns: list[str]) -> str:
    return 'uq_ledger_' + '_'.join(columns)


def _name_days_on_sqlite() -> None:
    with op.batch_alter_table('ledger', schema=None) as batch_op:
        batch_op.add_column(sa.Column('day', sa.Date(), server_default=str(_UNDATED), nullable=False))
    _run('CREATE INDEX ix_ledger_by_cause ON ledger (cause)')
    connection = op.get_bind()
    causes = connection.execute(sa.text("SELECT DISTINCT cause FROM ledger WHERE cause GLOB '*-[0-9][0-9]-*'"))
    for (cause,) in causes.all():
        named = re.search(_NAMED_DAY, cause)
        if named:
            connection.execute(sa.text('UPDATE ledger SET day = :day WHERE cause = :cause'), {'day': named[1], 'cause': cause})
    _run('DROP INDEX ix_ledger_by_cause')
    with op.batch_alter_table('ledger', schema=None) as batch_op:
        batch_op.alter_column('day', server_default=None)
        batch_op.drop_constraint(batch_op.f(_key_name(_OLD_KEY)), type_='unique')
        batch_op.create_unique_constraint(batch_op.f(_key_name(_NEW_KEY)), _NEW_KEY)


def _rebuild(table: str, by: str | None, links: dict[str, str], indexes: dict[str, str], key: list[str] | None = None) -> None:
    """Make a table anew, parted by a column or in one piece, and move its rows over."""
    _run(f'ALTER TABLE {table} RENAME TO {table}_before')
    _run(f'ALTER TABLE {table}_before DROP CONSTRAINT pk_{table}')
    if key:
        _run(f'ALTER TABLE {table}_before DROP CONSTRAINT {_key_name(_OLD_KEY if by else _NEW_KEY)}')
    for index in indexes:
        _run(f'DROP INDEX {index}')
    parted = f' PARTITION BY RANGE ({by})' if by else ''
    _run(f'CREATE TABLE {table} (LIKE {table}_before INCLUDING DEFAULTS){parted}')
    _run(f'ALTER SEQUENCE {table}_id_seq OWNED BY {table}.id')
    if by:
        _part(table, by)
    _run(f'INSERT INTO {table} SELECT * FROM {table}_before')
    _run(f'DROP TABLE {table}_before')
    _run(f'ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY (id{f", {by}" if by else ""})')
    if key:
        _run(f'ALTER TABLE {table} ADD CONSTRAINT {_key_name(key)} UNIQUE ({", ".join(key)})')
    for column, target in links.items():
        _run(f'ALTER TABLE {table} ADD CONSTRAINT fk_{table}_{column}_{target} FOREIGN KEY ("{column}") REFERENCES {target} (id) {_DEFERRED}')
    for index, what in indexes.items():
        _run(f'CREATE INDEX {index} ON {table} {what}')


def _part(table: str, by: str) -> None:
    """Make a part for each month that there are rows of, and one for whatever has none."""
    _run(f'CREATE TABLE {table}_other PARTITION OF {table} DEFAULT')
    if by == 'day':
        _run(f"CREATE TABLE {table}_undated PARTITION OF {table} FOR VALUES FROM (MINVALUE) TO ('{_FIRST}')")
    months = f"SELECT DISTINCT date_trunc('month', {by if by == 'day' else f'{by} AT TIME ZONE $$UTC$$'})::date FROM {table}_before WHERE {by} >= '{_FIRST}' ORDER BY 1"
    for (first,) in _run(months).all():
        after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        zone = '' if by == 'day' else ' 00:00+00'
        _run(f"CREATE TABLE {table}_{first:%Y_%m} PARTITION OF {table} FOR VALUES FROM ('{first}{zone}') TO ('{after}{zone}')")
