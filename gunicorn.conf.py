"""How gunicorn serves Wallas: `gunicorn -c gunicorn.conf.py wsgi:app`. Every figure's reason: docs/operations.md."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from wallas import master  # noqa: E402

_settings = master.configure()

bind = master.bind(_settings)
pythonpath = str(ROOT)
worker_class = master.worker_class(_settings)
workers = _settings.workers
threads = _settings.threads
worker_connections = master.connections(_settings, files=master.raise_file_limit())
timeout = 60
graceful_timeout = master.STOP_SECONDS
keepalive = 75
max_requests = 0
preload_app = False
limit_request_line = 8190
limit_request_fields = 64
limit_request_field_size = 8190
control_socket_disable = True
worker_tmp_dir = master.temporary_folder()
accesslog = None
errorlog = "-"
loglevel = "warning"
proc_name = "wallas"

on_starting = master.prepare
when_ready = master.announce
on_reload = master.reloading
post_fork = master.forked
post_worker_init = master.initialised
child_exit = master.child_ended
worker_exit = master.close_app
on_exit = master.finish
