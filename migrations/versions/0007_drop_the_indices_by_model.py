"""Drop the indices of requests and attempts by provider and model: nothing asks by them, and every row pays for them."""

from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ('requests', 'attempts'):
        op.drop_index(f'{table}_provider_model', table_name=table)


def downgrade() -> None:
    for table in ('requests', 'attempts'):
        op.create_index(f'{table}_provider_model', table, ['provider', 'model', 'started_at'])
