"""The settings: environment and files in, frozen and checked values out.

The rule: wrong settings never start.
"""

from worker.settings.groups import Circuit, Destination, Http, Kafka, Log, Retry
from worker.settings.loading import SettingsError, load
from worker.settings.model import Settings
from worker.settings.reference import Effective, Entry, describe, effective

__all__ = [
    "Circuit",
    "Destination",
    "Effective",
    "Entry",
    "Http",
    "Kafka",
    "Log",
    "Retry",
    "Settings",
    "SettingsError",
    "describe",
    "effective",
    "load",
]
