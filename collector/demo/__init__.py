"""
A miniature fleet for the demo and for tests: real HTTP API servers with an invented, BYD-like load behind them.

Only `lynceus demo` starts this package, as a process of its own, and the package imports none of the collector's others:
to the collector these clusters look like real ones. The past of the demo (collector/past) has the same templates and clusters.
"""
