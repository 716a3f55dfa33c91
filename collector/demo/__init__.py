"""
A miniature fleet for the demo and for tests: real HTTP API servers with an invented, BYD-like load behind them.

Only collector.__main__ may import this package, and it imports none of the collector's other packages: the collector
must not be able to tell these clusters from real ones.
"""
