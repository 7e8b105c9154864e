"""The loop: intake, lanes, publishing, commits, rebalances, and the drain at the end."""

from worker.runner.parts import Clients, Destination, Group, Limits, Surroundings, Tracing
from worker.runner.runner import Outcome, Runner

__all__ = ["Clients", "Destination", "Group", "Limits", "Outcome", "Runner", "Surroundings", "Tracing"]
