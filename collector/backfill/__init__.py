"""
Imports missed workflows from Argo's archive.

`argo_server` reads the archive, `stored` reads what the store already has, `importer` writes rows of the difference and
then a row for the imported period, and `withdraw` removes estimates that evidence has replaced.
"""
