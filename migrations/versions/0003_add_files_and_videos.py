"""Add files and videos."""

from alembic import op
import sqlalchemy as sa

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('files',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('owner', sa.String(length=64), nullable=False),
    sa.Column('purpose', sa.String(length=64), nullable=False),
    sa.Column('filename', sa.String(length=255), nullable=False),
    sa.Column('mime', sa.String(length=128), nullable=False),
    sa.Column('bytes', sa.BigInteger(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.Float(), nullable=False),
    sa.Column('expires_at', sa.Float(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('files', schema=None) as batch_op:
        batch_op.create_index('files_expires_at', ['expires_at'], unique=False)
        batch_op.create_index('files_owner', ['owner', 'kind', 'created_at', 'id'], unique=False)
        batch_op.create_index('files_sha256', ['sha256'], unique=False)

    op.create_table('videos',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('owner', sa.String(length=64), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('progress', sa.Integer(), nullable=False),
    sa.Column('asked_model', sa.String(length=200), nullable=False),
    sa.Column('request', sa.Text(), nullable=False),
    sa.Column('provider', sa.String(length=64), nullable=True),
    sa.Column('model', sa.String(length=200), nullable=True),
    sa.Column('key_id', sa.String(length=32), nullable=True),
    sa.Column('handle', sa.Text(), nullable=True),
    sa.Column('file_id', sa.String(length=64), nullable=True),
    sa.Column('error_code', sa.String(length=64), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('created_at', sa.Float(), nullable=False),
    sa.Column('completed_at', sa.Float(), nullable=True),
    sa.Column('expires_at', sa.Float(), nullable=False),
    sa.Column('look_at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('videos', schema=None) as batch_op:
        batch_op.create_index('videos_expires_at', ['expires_at'], unique=False)
        batch_op.create_index('videos_owner', ['owner', 'created_at', 'id'], unique=False)
        batch_op.create_index('videos_status', ['status', 'look_at'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('videos', schema=None) as batch_op:
        batch_op.drop_index('videos_status')
        batch_op.drop_index('videos_owner')
        batch_op.drop_index('videos_expires_at')

    op.drop_table('videos')
    with op.batch_alter_table('files', schema=None) as batch_op:
        batch_op.drop_index('files_sha256')
        batch_op.drop_index('files_owner')
        batch_op.drop_index('files_expires_at')

    op.drop_table('files')
