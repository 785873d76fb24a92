"""The app for gunicorn: `gunicorn -c gunicorn.conf.py wsgi:app`."""

from wallas import create_app
from wallas.master import current_settings

app = create_app(current_settings())
