"""The real worker on virtual time with a modelled partner: days in seconds. `python -m tests.sim` shows it.

The rule: what decides is the worker's own code (runner, lanes, schedule, gate, pipeline); what is modelled is
Kafka, the partner and the clock.
"""
