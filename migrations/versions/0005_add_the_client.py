"""Add the client to requests and attempts: an id made of the key that it showed, never the key."""

from alembic import op
import sqlalchemy as sa

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ('requests', 'attempts'):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column('client_id', sa.String(length=32), nullable=True))


def downgrade() -> None:
    for table in ('requests', 'attempts'):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column('client_id')
