"""The whole worker with no set-up: an embedded broker, two networks that misbehave, an account of it all."""

from worker.demo.account import Account
from worker.demo.demonstration import Demo
from worker.demo.progress import NetworkProgress, Progress

__all__ = ["Account", "Demo", "NetworkProgress", "Progress"]
