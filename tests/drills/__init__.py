"""Incidents, played on real workers under a real Prometheus: what fires, and what the runbook does.

`python -m tests.drills` (`make drills`) plays them.
"""
