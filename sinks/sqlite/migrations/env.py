"""What Alembic runs: the revisions, on the connection that `sinks.sqlite.migrate` hands over.

No logging is configured here, and there is no alembic.ini: the program's logging is the program's.
"""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
context.run_migrations()
