"""Where webhooks come from: files whose names end in `.webhook.yaml`, `.webhook.yml` or `.webhook.json`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from machines.documents import Form
from machines.places import SIZE_LIMIT
from machines.problems import Problem, WebhookDocumentError
from machines.webhook import Webhook, examine_webhook

SHIPPED = Path(__file__).parent / "webhooks"
SUFFIXES: dict[str, Form] = {".webhook.yaml": "yaml", ".webhook.yml": "yaml", ".webhook.json": "json"}


def is_webhook_file(path: Path) -> bool:
    """Whether a file's name says that it holds a webhook, and so no machine."""
    return _form(path) is not None


def find_shipped(source: str) -> Path | None:
    """The directory that a source such as `@github` means, with machines and webhook; None where it is none."""
    name = source.removeprefix("@")
    return SHIPPED / name if name != source and name in shipped_names() else None


def shipped_names() -> list[str]:
    """What may stand after the `@`."""
    return sorted(path.name for path in SHIPPED.iterdir() if path.is_dir())


def load_webhooks(sources: Sequence[str]) -> dict[str, Webhook]:
    """The webhooks of directories, files and shipped ones (`@github`), by name.

    Raises WebhookDocumentError with everything that is wrong in all of them.
    """
    problems: list[Problem] = []
    webhooks: dict[str, Webhook] = {}
    paths = [path for source in sources for path in _find(source, problems)]
    for path in {path.resolve(): path for path in paths}.values():
        webhook, wrong = _read(path)
        problems += wrong
        if webhook is None:
            continue
        known = webhooks.setdefault(webhook.name, webhook)
        if known is not webhook:
            reason = f"the webhook {webhook.name} is already defined in {known.origin}"
            problems.append(Problem(str(path), None, reason))
    if problems:
        raise WebhookDocumentError(problems)
    return webhooks


def _find(source: str, problems: list[Problem]) -> Iterator[Path]:
    path = find_shipped(source) or Path(source)
    try:
        if path.is_dir():
            found = [file for file in sorted(path.iterdir()) if is_webhook_file(file) and not file.name.startswith(".")]
            if not found:
                problems.append(Problem(source, None, f"holds no webhooks ({', '.join(SUFFIXES)})"))
            yield from found
        elif path.is_file() and is_webhook_file(path):
            yield path
        elif path.is_file():
            problems.append(Problem(source, None, f"is no webhook: the name must end in {', '.join(SUFFIXES)}"))
        else:
            shipped = ", ".join(f"@{name}" for name in shipped_names())
            problems.append(Problem(source, None, f"there is no such file or directory; shipped are {shipped}"))
    except OSError as error:
        problems.append(Problem(source, None, f"cannot be read: {error.strerror or error}"))


def _read(path: Path) -> tuple[Webhook | None, list[Problem]]:
    form = _form(path)
    assert form is not None
    try:
        with path.open("rb") as stream:
            content = stream.read(SIZE_LIMIT + 1)
    except OSError as error:
        return None, [Problem(str(path), None, f"cannot be read: {error.strerror or error}")]
    return examine_webhook(content, form, str(path))


def _form(path: Path) -> Form | None:
    return next((form for suffix, form in SUFFIXES.items() if path.name.lower().endswith(suffix)), None)
