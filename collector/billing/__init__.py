"""
Bills of months: pricing runs computed from stored pods and workflows, locked months, corrections, reconciliation.

Uses the store, the price books and core. The running collector only needs to know which pricing runs there are.
"""
