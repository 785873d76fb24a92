"""Gunicorn with the worker of our own, whose patience is measured in tenths of a second."""

import os

from wallas import server_client, server_clocks, server_door, server_request

server_clocks.SWEEP_SECONDS = 0.05
server_door.STOP_LINGER = 0.3
server_client.HEAD_SECONDS = 0.5
server_client.BODY_SECONDS = 0.6
server_client.SEND_SECONDS = 0.8
server_client.LINGER_SECONDS = 0.5
server_request.SILENCE = 0.6

worker_class = "wallas.server.Worker"
bind = [f"127.0.0.1:{os.environ['PORT']}", f"unix:{os.environ['FOLDER']}/socket"]
threads = 4
workers = int(os.environ.get("WORKERS", "1"))
worker_connections = int(os.environ.get("CONNECTIONS", "40"))
keepalive = 2
graceful_timeout = 3
limit_request_fields = 64
limit_request_field_size = 8190
limit_request_line = 8190
control_socket_disable = True
loglevel = "warning"
accesslog = os.environ.get("ACCESS_LOG") or None
max_requests = int(os.environ.get("MAX_REQUESTS", "0"))
