"""
Queue managers that hold workflows or their pods before Argo or a scheduler may go on with them: one module for each.

Each module is a small pure reading of objects: whether this manager holds a workflow or a pod, in which queue, since when, and
in what words. What the objects of all of them say about a cluster is kept in core/cluster/admissions.py.
"""
