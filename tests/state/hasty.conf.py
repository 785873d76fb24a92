"""The project's own gunicorn configuration with four seconds for a stop instead of thirty."""

from pathlib import Path

from wallas import master

master.STOP_SECONDS = 4
CONFIG = Path(master.__file__).parent.parent / "gunicorn.conf.py"
exec(compile(CONFIG.read_text(), str(CONFIG), "exec"), globals() | {"__file__": str(CONFIG)}, globals())
