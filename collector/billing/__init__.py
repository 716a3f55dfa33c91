"""
Pricing runs in the store: new ones computed from what is kept of pods and workflows, months locked, and what comes later.

Knows the store, the books and core; the collector's loop knows nothing of it but which runs there are.
"""
