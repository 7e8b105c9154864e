"""The settings: read from the environment and files into frozen, checked values.

The rule: wrong settings never start.
"""

from worker.settings.deployment import Deployment
from worker.settings.destination import Destination
from worker.settings.groups import Circuit, Http, Kafka, Log, Retry
from worker.settings.loading import load, load_all
from worker.settings.model import Settings
from worker.settings.problems import SettingsError
from worker.settings.reference import EffectiveSetting, SettingEntry, describe, effective

__all__ = [
    "Circuit",
    "Deployment",
    "Destination",
    "EffectiveSetting",
    "Http",
    "Kafka",
    "Log",
    "Retry",
    "SettingEntry",
    "Settings",
    "SettingsError",
    "describe",
    "effective",
    "load",
    "load_all",
]
