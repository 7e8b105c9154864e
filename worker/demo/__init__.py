"""The whole worker with no set-up: an embedded broker, a partner that misbehaves, an account of it all."""

from worker.demo.account import Account, Line
from worker.demo.demonstration import Demo
from worker.demo.progress import Progress

__all__ = ["Account", "Demo", "Line", "Progress"]
