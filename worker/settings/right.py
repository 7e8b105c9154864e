"""A model that is right, or every problem of it at once."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)


def right(model: Model, problems: list[str]) -> Model:
    """Return a model that is right; raise ValueError, a line for each problem, where it is not."""
    if problems:
        raise ValueError("\n".join(problems))
    return model
