"""Create the first tables."""

from alembic import op
import sqlalchemy as sa

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('attempts',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('request_id', sa.String(length=128), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('started_at', sa.Float(), nullable=False),
    sa.Column('ms', sa.Float(), nullable=False),
    sa.Column('ttft_ms', sa.Float(), nullable=True),
    sa.Column('provider', sa.String(length=64), nullable=False),
    sa.Column('model', sa.String(length=200), nullable=False),
    sa.Column('key_id', sa.String(length=32), nullable=False),
    sa.Column('outcome', sa.String(length=32), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('error_class', sa.String(length=64), nullable=True),
    sa.Column('input_tokens', sa.BigInteger(), nullable=True),
    sa.Column('output_tokens', sa.BigInteger(), nullable=True),
    sa.Column('cached_tokens', sa.BigInteger(), nullable=True),
    sa.Column('reasoning_tokens', sa.BigInteger(), nullable=True),
    sa.Column('estimated', sa.Boolean(), nullable=False),
    sa.Column('cost', sa.Float(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('attempts', schema=None) as batch_op:
        batch_op.create_index('attempts_provider_model', ['provider', 'model', 'started_at'], unique=False)
        batch_op.create_index('attempts_request_id', ['request_id'], unique=False)
        batch_op.create_index('attempts_started_at', ['started_at'], unique=False)

    op.create_table('circuits',
    sa.Column('provider', sa.String(length=64), nullable=False),
    sa.Column('model', sa.String(length=200), nullable=False),
    sa.Column('key_id', sa.String(length=32), nullable=False),
    sa.Column('key', sa.String(length=270), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('rest_until', sa.Float(), nullable=False),
    sa.Column('rest_reason', sa.String(length=64), nullable=True),
    sa.Column('rest_breaker', sa.Boolean(), nullable=False),
    sa.Column('success_count', sa.BigInteger(), nullable=False),
    sa.Column('fail_count', sa.BigInteger(), nullable=False),
    sa.Column('avg_latency_ms', sa.Float(), nullable=True),
    sa.Column('ttft_ms', sa.Float(), nullable=True),
    sa.Column('tokens_per_second', sa.Float(), nullable=True),
    sa.Column('failed_at', sa.Float(), nullable=True),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.Column('updated_at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('provider', 'model', 'key_id')
    )
    with op.batch_alter_table('circuits', schema=None) as batch_op:
        batch_op.create_index('circuits_rest_until', ['rest_until'], unique=False)
        batch_op.create_index('circuits_updated_at', ['updated_at'], unique=False)

    op.create_table('leases',
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('holder', sa.String(length=128), nullable=False),
    sa.Column('expires_at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_table('model_lists',
    sa.Column('provider', sa.String(length=64), nullable=False),
    sa.Column('models', sa.Text(), nullable=False),
    sa.Column('fetched_at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('provider')
    )
    op.create_table('requests',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('request_id', sa.String(length=128), nullable=False),
    sa.Column('started_at', sa.Float(), nullable=False),
    sa.Column('ms', sa.Float(), nullable=False),
    sa.Column('ttft_ms', sa.Float(), nullable=True),
    sa.Column('wire', sa.String(length=32), nullable=False),
    sa.Column('operation', sa.String(length=32), nullable=False),
    sa.Column('stream', sa.Boolean(), nullable=False),
    sa.Column('asked_model', sa.String(length=200), nullable=False),
    sa.Column('profile', sa.String(length=64), nullable=True),
    sa.Column('outcome', sa.String(length=32), nullable=False),
    sa.Column('status', sa.Integer(), nullable=False),
    sa.Column('error_class', sa.String(length=64), nullable=True),
    sa.Column('provider', sa.String(length=64), nullable=True),
    sa.Column('model', sa.String(length=200), nullable=True),
    sa.Column('key_id', sa.String(length=32), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('input_tokens', sa.BigInteger(), nullable=True),
    sa.Column('output_tokens', sa.BigInteger(), nullable=True),
    sa.Column('cached_tokens', sa.BigInteger(), nullable=True),
    sa.Column('reasoning_tokens', sa.BigInteger(), nullable=True),
    sa.Column('estimated', sa.Boolean(), nullable=False),
    sa.Column('cost', sa.Float(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('requests', schema=None) as batch_op:
        batch_op.create_index('requests_provider_model', ['provider', 'model', 'started_at'], unique=False)
        batch_op.create_index('requests_request_id', ['request_id'], unique=False)
        batch_op.create_index('requests_started_at', ['started_at'], unique=False)

    op.create_table('responses',
    sa.Column('id', sa.String(length=128), nullable=False),
    sa.Column('owner', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.Float(), nullable=False),
    sa.Column('expires_at', sa.Float(), nullable=False),
    sa.Column('previous_id', sa.String(length=128), nullable=True),
    sa.Column('request', sa.Text(), nullable=False),
    sa.Column('response', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('responses', schema=None) as batch_op:
        batch_op.create_index('responses_expires_at', ['expires_at'], unique=False)

    op.create_table('seals',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('call_id', sa.String(length=200), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('arguments_hash', sa.String(length=64), nullable=False),
    sa.Column('issuer', sa.String(length=300), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.Column('created_at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('seals', schema=None) as batch_op:
        batch_op.create_index('seals_call_id', ['call_id'], unique=False)
        batch_op.create_index('seals_created_at', ['created_at'], unique=False)
        batch_op.create_index('seals_name_arguments', ['name', 'arguments_hash'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('seals', schema=None) as batch_op:
        batch_op.drop_index('seals_name_arguments')
        batch_op.drop_index('seals_created_at')
        batch_op.drop_index('seals_call_id')

    op.drop_table('seals')
    with op.batch_alter_table('responses', schema=None) as batch_op:
        batch_op.drop_index('responses_expires_at')

    op.drop_table('responses')
    with op.batch_alter_table('requests', schema=None) as batch_op:
        batch_op.drop_index('requests_started_at')
        batch_op.drop_index('requests_request_id')
        batch_op.drop_index('requests_provider_model')

    op.drop_table('requests')
    op.drop_table('model_lists')
    op.drop_table('leases')
    with op.batch_alter_table('circuits', schema=None) as batch_op:
        batch_op.drop_index('circuits_updated_at')
        batch_op.drop_index('circuits_rest_until')

    op.drop_table('circuits')
    with op.batch_alter_table('attempts', schema=None) as batch_op:
        batch_op.drop_index('attempts_started_at')
        batch_op.drop_index('attempts_request_id')
        batch_op.drop_index('attempts_provider_model')

    op.drop_table('attempts')
