"""
Lynceus monitors Argo Workflows across many clusters: why each workflow waits, what it cost, and which department pays.

docs/develop/architecture.md has the map of the rooms, and a picture of how data flows through them.

What holds everywhere:
1. A fact has one key and a version; inserting it again, late or twice changes nothing.
2. The watch position moves with the data: one SQLite transaction, or none.
3. Money is Decimal, unknown is never 0, and sums are computed from keyed rows.
4. A break that cannot be replayed is a row.
5. A bad object never stops its neighbours, and only an allow-list of fields is decoded.
"""

__version__ = "0.1.0"
