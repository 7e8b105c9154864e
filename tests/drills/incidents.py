"""All incidents, those that take long first: what is short fills the gaps at the end."""

from __future__ import annotations

from tests.drills.incident import Incident
from tests.drills.kafka_incidents import KAFKA_INCIDENTS
from tests.drills.other_incidents import OTHER_INCIDENTS
from tests.drills.partner_incidents import PARTNER_INCIDENTS

INCIDENTS: tuple[Incident, ...] = (*KAFKA_INCIDENTS, *OTHER_INCIDENTS, *PARTNER_INCIDENTS)
