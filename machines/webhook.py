"""Webhooks: documents that say how deliveries of another system are checked and what events they are."""

from collections.abc import Mapping as Facts
from dataclasses import dataclass
from typing import Any, Literal, get_args

from machines.documents import Form, decode_text
from machines.json_form import read_json
from machines.mapping import Mapping, parse
from machines.places import Document, Path, UnreadableError, describe_path
from machines.problems import Problem
from machines.schema import suggest
from machines.yaml_form import read_yaml

Envelope = Literal["json", "cloudevent"]
Scheme = Literal["hmac-sha256", "token"]
Encoding = Literal["hex", "base64"]

_KEYS = ("webhook", "envelope", "signature", "events")
_SIGNATURE_KEYS = ("scheme", "header", "prefix", "encoding", "secret")
_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
_NAME_LIMIT = 64
_TEXT_LIMIT = 256


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Where a secret is: a `file`, or a `variable` of the environment."""

    kind: Literal["file", "variable"]
    name: str


@dataclass(frozen=True, slots=True)
class Signature:
    """How deliveries are signed: by `hmac-sha256` of the body in an `encoding`, or by the secret itself as a `token`.

    It stands in `header`, after `prefix`.
    """

    scheme: Scheme
    header: str
    prefix: str
    encoding: Encoding
    secret: SecretPlace


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook. Without a `signature` a token is needed.

    `envelope` says what its mapping looks into: the JSON that is sent, or a CloudEvent, its attributes beside its data.
    """

    name: str
    envelope: Envelope
    signature: Signature | None
    mapping: Mapping
    origin: str


def examine_webhook(content: bytes, form: Form, origin: str) -> tuple[Webhook | None, list[Problem]]:
    """The webhook of a document in YAML or JSON, or all that is wrong with it. Raises nothing."""
    document = Document(origin)
    try:
        text = decode_text(content)
        value, document.lines = read_yaml(text) if form == "yaml" else read_json(text)
    except UnreadableError as error:
        return None, [Problem(origin, error.line, error.reason)]
    if not isinstance(value, dict):
        return None, [Problem(origin, 1, "a webhook is a mapping of keys such as webhook, signature and events")]
    document.facts = value
    reader = _Reader(document)
    webhook = reader.read()
    reader.problems.sort(key=lambda problem: problem.line or 0)
    return (None if reader.problems else webhook), reader.problems


class _Reader:
    """Reads one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.problems: list[Problem] = []

    def read(self) -> Webhook:
        """The webhook; it may be used only where there are no problems."""
        facts: Facts[str, Any] = self._document.facts
        self._check_keys(facts, _KEYS, ())
        name = self._text(facts.get("webhook"), ("webhook",), _NAME_LIMIT)
        if name and not (_SIGNS.issuperset(name) and name[0] not in "-_."):
            self._complain(("webhook",), "must be small letters, digits, '.', '_' and '-': it is part of the URL")
        mapping, problems = parse(facts.get("events"), self._document, ("events",))
        self.problems += problems
        return Webhook(
            name,
            self._choice(facts, (), "envelope", Envelope) or "json",
            self._signature(facts["signature"]) if "signature" in facts else None,
            mapping,
            self._document.origin,
        )

    def _signature(self, facts: object) -> Signature | None:
        path: Path = ("signature",)
        if not isinstance(facts, dict):
            self._complain(path, f"must be a mapping of {', '.join(_SIGNATURE_KEYS)}")
            return None
        self._check_keys(facts, _SIGNATURE_KEYS, path)
        scheme: Scheme = self._choice(facts, path, "scheme", Scheme) or "hmac-sha256"
        if scheme == "token" and "encoding" in facts:
            self._complain((*path, "encoding"), "does not go with a token, which is sent as it is")
        return Signature(
            scheme,
            self._text(facts.get("header"), (*path, "header"), _TEXT_LIMIT).lower(),
            self._text(facts["prefix"], (*path, "prefix"), _TEXT_LIMIT) if "prefix" in facts else "",
            self._choice(facts, path, "encoding", Encoding) or "hex",
            self._secret(facts.get("secret"), (*path, "secret")),
        )

    def _secret(self, facts: object, path: Path) -> SecretPlace:
        if isinstance(facts, dict) and len(facts) == 1:
            ((kind, name),) = facts.items()
            if kind in ("file", "variable") and isinstance(name, str) and name:
                return SecretPlace(kind, name)
        self._complain(path, "must say where the secret is: {file: PATH} or {variable: NAME}")
        return SecretPlace("variable", "")

    def _choice(self, facts: Facts[str, Any], path: Path, key: str, choices: Any) -> Any:
        value, known = facts.get(key), get_args(choices)
        if key in facts and value not in known:
            self._complain((*path, key), f"must be one of {', '.join(known)}")
        return value

    def _text(self, value: object, path: Path, limit: int) -> str:
        if isinstance(value, str) and 0 < len(value) <= limit and value.isascii() and value.isprintable():
            return value
        self._complain(path, f"must be text of 1 to {limit} printable ASCII characters")
        return ""

    def _check_keys(self, facts: Facts[str, Any], known: tuple[str, ...], path: Path) -> None:
        for key in facts:
            if key not in known:
                self._complain((*path, key), f"is not known{suggest(key, known)}")

    def _complain(self, path: Path, reason: str) -> None:
        self.problems.append(self._document.problem(path, f"{describe_path(path)} {reason}"))
