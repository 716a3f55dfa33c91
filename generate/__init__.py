"""
Files that are written by code and checked in: dashboards, alert rules and the reference pages of docs/.

`make generate` writes all of them, and tests prove that they are fresh. This package stands outside the collector because
it reads everything and nothing needs it to run: it may import any package, and none imports it.
"""
