"""The protocols between decisions and the world; real adapters and fakes pass the same suites.

The rule: nothing here names a library. Adapters translate foreign exceptions into those defined here.
"""

from worker.ports.cache import Cache, CacheDraft
from worker.ports.clock import Clock
from worker.ports.control import NOT_READ_YET, Control, ControlListener, ControlNews, ControlRecord
from worker.ports.follower import Follower, FollowerListener
from worker.ports.observer import Observer
from worker.ports.publisher import BatchRefused, Publisher, PublishRefused
from worker.ports.sender import Attempter, Lane, Sender
from worker.ports.snapshot import PartitionState, Snapshot
from worker.ports.source import (
    CommitFailed,
    PartitionAssignment,
    Positions,
    Source,
    SourceEnded,
    SourceFailed,
    SourceListener,
    Watermarks,
)
from worker.ports.tracer import Tracer

__all__ = [
    "NOT_READ_YET",
    "Attempter",
    "BatchRefused",
    "Cache",
    "CacheDraft",
    "Clock",
    "CommitFailed",
    "Control",
    "ControlListener",
    "ControlNews",
    "ControlRecord",
    "Follower",
    "FollowerListener",
    "Lane",
    "Observer",
    "PartitionAssignment",
    "PartitionState",
    "Positions",
    "PublishRefused",
    "Publisher",
    "Sender",
    "Snapshot",
    "Source",
    "SourceEnded",
    "SourceFailed",
    "SourceListener",
    "Tracer",
    "Watermarks",
]
