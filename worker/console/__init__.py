"""The console: one page for the person on call.

The rule: it stands on `worker.ops`, the journal and the control topic: the same values as the commands, not a
second logic.
"""
