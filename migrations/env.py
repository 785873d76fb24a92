"""Runs the migrations on the connection that `wallas.storage.migrate` hands over, or on the configured database."""

from alembic import context
from sqlalchemy import Connection

from wallas.models import METADATA


def migrate(connection: Connection) -> None:
    """Run what is due inside the transaction that is open on ``connection``."""
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=True,
        transactional_ddl=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    migrate(handed_over)
else:
    from wallas.settings import load_settings
    from wallas.storage.engine import open_database, writing

    with writing(open_database(load_settings().database_url)) as own:
        migrate(own)
