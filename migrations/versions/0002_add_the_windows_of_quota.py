"""Add the windows of quota."""

from alembic import op
import sqlalchemy as sa

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('quota',
    sa.Column('provider', sa.String(length=64), nullable=False),
    sa.Column('account', sa.String(length=128), nullable=False),
    sa.Column('key_id', sa.String(length=32), nullable=False),
    sa.Column('model', sa.String(length=200), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('clock', sa.String(length=64), nullable=False),
    sa.Column('most', sa.Float(), nullable=True),
    sa.Column('source', sa.String(length=128), nullable=True),
    sa.Column('learned_at', sa.Float(), nullable=True),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('updated_at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('provider', 'account', 'key_id', 'model', 'kind')
    )
    with op.batch_alter_table('quota', schema=None) as batch_op:
        batch_op.create_index('quota_updated_at', ['updated_at'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('quota', schema=None) as batch_op:
        batch_op.drop_index('quota_updated_at')

    op.drop_table('quota')
