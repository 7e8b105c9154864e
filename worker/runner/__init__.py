"""The loop: intake, lanes, publishing, commits, rebalances, and the drain at the end."""

from worker.runner.parts import (
    Clients,
    ConsumerGroup,
    DestinationParts,
    DestinationTracer,
    Limits,
    Surroundings,
)
from worker.runner.runner import Outcome, Runner

__all__ = [
    "Clients",
    "ConsumerGroup",
    "DestinationParts",
    "DestinationTracer",
    "Limits",
    "Outcome",
    "Runner",
    "Surroundings",
]
