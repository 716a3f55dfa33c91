"""
What nobody watched, fetched again from Argo's archive: `argo_server` asks it, `held` asks the store what is there already,
`taking` makes rows of the difference and writes them, and then that it was done.
"""
