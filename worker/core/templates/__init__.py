"""The template language of a destination's URL, headers and body, with macros for an event's values.

The rule: an event fills only values, each encoded once for its place; a value is never read as a macro.
"""

from worker.core.templates.body import MOST_BYTES, BodyTemplate, ContentTypeError
from worker.core.templates.errors import CannotFill, TemplateError
from worker.core.templates.fill import CompiledRequest, RequestTemplates, compile_request
from worker.core.templates.header import HeaderTemplate
from worker.core.templates.macro_names import ATTRIBUTE, SECRET
from worker.core.templates.macro_syntax import Macro, is_number
from worker.core.templates.postback import Postback
from worker.core.templates.text import secret_names
from worker.core.templates.url import UrlTemplate

__all__ = [
    "ATTRIBUTE",
    "MOST_BYTES",
    "SECRET",
    "BodyTemplate",
    "CannotFill",
    "CompiledRequest",
    "ContentTypeError",
    "HeaderTemplate",
    "Macro",
    "Postback",
    "RequestTemplates",
    "TemplateError",
    "UrlTemplate",
    "compile_request",
    "is_number",
    "secret_names",
]
