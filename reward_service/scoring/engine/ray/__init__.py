"""Comparisons on all machines of a Ray cluster.

A replica (`engine`) sends them over one stream per machine (`dispatch`). What the streams run through is a process of
its own (`bridge`), since Ray ends the process that loses its cluster: the bridge starts again, and the replica goes on.
On each machine an actor (`node`) has the same CPU pool as a replica without Ray, and starts sandbox workers.
"""
