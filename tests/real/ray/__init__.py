"""Replicas on a Ray cluster: two raylets on this machine, whose parts are killed."""
