"""
Lynceus watches every Argo Workflows cluster of a fleet and tells why each workflow waits, what it cost and who pays.

The map: watch/ lists and watches and hands typed observations to pipeline.py, which asks core/ (pure: bytes and times in,
facts out) and gathers facts for store/ (SQLite spool, then ClickHouse). exposition/ and web/ draw the live view;
reports/ query the store. catalog/ declares every metric and table once; prices/ holds price books as data.
backfill/ asks Argo's archive for what nobody watched.
__main__.py has the commands, service.py wires the parts, asking.py answers commands that need no collector.

What holds everywhere:
1. A fact has one key and a version; inserting it again, late or twice changes nothing.
2. The cursor moves with the data: one SQLite transaction, or none.
3. Money is Decimal, unknown is never 0, and sums are recomputed from keyed rows.
4. A break that cannot be replayed is a row.
5. A bad object never stops its neighbours, and nothing outside an allow-list of fields is decoded.
"""

__version__ = "0.1.0"
