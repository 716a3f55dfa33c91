"""
Today's cost by department: the query behind the amounts on the live page.
"""

from collector.catalog.schema import DATABASE

COST_TODAY = f"""
    SELECT department, currency, sum(cost) AS total, countIf(status = 'accruing') > 0 AS accruing,
           countIf(cost IS NULL) AS unpriced_pods
    FROM {DATABASE}.cost_current WHERE day = {{day:Date}} GROUP BY department, currency ORDER BY department, currency
"""
"""One row per department and currency. `total` is NULL where no pod has a price; `accruing` is 1 while a pod still runs."""
