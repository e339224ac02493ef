"""The composition root: from a configuration to a server. The only place that builds things.

`premises.py` furnishes what lasts as long as the process; `service.py` makes of a configuration what serves by it;
`reloading.py` puts another one in its place; `listening.py` is the server around all that.
"""

from proxy.app.application import Application, opened
from proxy.app.listening import LedgerLostError, serve
from proxy.ledger.seat import InUseError

__all__ = ["Application", "InUseError", "LedgerLostError", "opened", "serve"]
