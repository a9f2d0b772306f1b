"""What is wrong with a machine document, as people get to read it."""

from machines.documents import Form, examine


def told_problems(text: str, form: Form = "yaml") -> list[str]:
    """The problems of a document, a line each: place and reason."""
    return [str(problem) for problem in examine(text, form, f"m.{form}").problems]
