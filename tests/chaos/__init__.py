"""Chaos: real workers and a real broker are killed and stopped, and logs alone tell whether the promise held.

The rule: those who act (`conductor`, `world`, `partner`, …) only write logs; `checker` judges from them and
from the topics, knowing nothing of what was meant to happen.
"""
