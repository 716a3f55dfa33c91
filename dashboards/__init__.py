"""
Grafana dashboards, built from the catalogue and the numbers of the alerts, and checked in under generated/.

Imports of the collector its catalogue only, and core's names that the catalogue uses.
"""
