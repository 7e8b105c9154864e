"""Checks a model and reports all its problems at once."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)


def right(model: Model, problems: list[str]) -> Model:
    """Return the model; raise ValueError, with a line for each problem, if there are any."""
    if problems:
        raise ValueError("\n".join(problems))
    return model
