"""The console: one page for the person on call.

The rule: it uses `worker.ops`, the journal and the control topic, so it shows the same values as the
commands.
"""
