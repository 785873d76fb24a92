"""The gateway as users run it, only quicker at what nobody waits for."""

from wallas.app import create_app
from wallas.master import current_settings
from wallas.service import Pace

app = create_app(current_settings(), pace=Pace(refresh_delay=0.1, catalogue_delay=0.2, lists=0.3, lease=2.0, renew=0.2))
