"""What a delivery to a webhook says: from its headers and body to a JSON document, and by the mapping to events."""

from collections.abc import Mapping
from urllib.parse import parse_qs

import msgspec

from api.binding import STRUCTURED, Headers, content_type, read_attributes
from api.problems import Problem
from machines.errors import EventError
from machines.mapping_rule import Draft, Fault
from machines.webhook import Envelope, Webhook

_FORM = "application/x-www-form-urlencoded"
_SECRET_HEADERS = frozenset((b"authorization", b"cookie", b"proxy-authorization"))
_read_json = msgspec.json.Decoder().decode


def read_events(webhook: Webhook, headers: Headers, body: bytes) -> tuple[list[Draft], list[Fault]]:
    """The events of a delivery, and what its mapping could not read. Raises Problem 400 or 415 for a wrong body."""
    document = read_document(webhook.envelope, headers, body)
    context: dict[str, object] = {
        "webhook": webhook.name,
        "source": f"/webhooks/{webhook.name}",
        "headers": _readable_headers(headers, webhook.signature.header if webhook.signature else None),
    }
    return webhook.mapping.events(document, context)


def read_document(envelope: Envelope, headers: Headers, body: bytes) -> object:
    """The document of a delivery.

    For `json` it is the body, or the field `payload` of a form. For `cloudevent` an object of the event's attributes
    with its `data`: of a binary or a structured one, or the body alone as `data`. Raises Problem 400 or 415.
    """
    media = content_type(headers)[0]
    if envelope == "json":
        return _decode(_form_field(body) if media == _FORM else body, media)
    if any(name.startswith(b"ce-") for name, _ in headers) and media != STRUCTURED:
        try:
            return {**read_attributes(headers), "data": _decode(body, media)}
        except EventError as error:
            raise Problem(400, "Wrong event", str(error), field=error.field) from None
    document = _decode(body, media)
    return document if isinstance(document, dict) and "specversion" in document else {"data": document}


def _readable_headers(headers: Headers, signed_by: str | None) -> Mapping[str, str]:
    """The headers that expressions may see, by name in lower case: none that holds a credential or the signature."""
    hidden = _SECRET_HEADERS | ({signed_by.encode()} if signed_by else set())
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name not in hidden}


def _form_field(body: bytes) -> bytes:
    try:
        return parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=16)["payload"][0].encode()
    except (KeyError, ValueError):  # a UnicodeDecodeError is one, too
        raise Problem(400, "Wrong delivery", "the form has no field payload with JSON in it", field="payload") from None


def _decode(text: bytes, media: str) -> object:
    if media and not (media in ("application/json", "text/json", _FORM) or media.endswith("+json")):
        detail = f"the body is {media[:100]!r}: send application/json"
        raise Problem(415, "Unsupported Media Type", detail, field="Content-Type")
    try:
        document: object = _read_json(text)
    except RecursionError:
        raise Problem(400, "Wrong delivery", "the body is nested too deep", field="body") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, "Wrong delivery", f"the body is not JSON: {error}", field="body") from None
    return document
