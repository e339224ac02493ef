"""`/admin/v1`: organisations, teams, keys, budgets, usage, entries, requests, changes, prices, health, the server.

`table.py` has a row for every route, `frame.py` says what a row is, `door.py` lets in whoever has the grant `admin` and
answers, `openapi.py` describes it all from the same table.
"""

from proxy.edge.admin.door import Door
from proxy.edge.admin.frame import BEGINS
from proxy.edge.admin.office import Administration, Office
from proxy.edge.admin.table import TABLE

__all__ = ["BEGINS", "TABLE", "Administration", "Door", "Office"]
