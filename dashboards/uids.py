"""
The address of each dashboard in Grafana: links of dashboards and alerts use it, so it never changes.
"""

FLEET = "lynceus-fleet"
QUEUES = "lynceus-queues"
RELIABILITY = "lynceus-reliability"
COST = "lynceus-cost"
CONTROLLER = "lynceus-controller"
WORKFLOW = "lynceus-workflow"
TEMPLATE = "lynceus-template"
COLLECTOR = "lynceus-itself"
