"""The loop: intake, lanes, publishing, commits, rebalances, and the drain at the end."""

from worker.runner.runner import Limits, Outcome, Runner

__all__ = ["Limits", "Outcome", "Runner"]
