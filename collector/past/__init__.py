"""
The past of `lynceus demo`: three months of finished workflows, priced by the product's own code, so that pages and reports
about months have something to show.

A few thousand workflows are made and priced here, once for each length, fate and price; the store copies each of them to
the days and times at which it ran.
"""
