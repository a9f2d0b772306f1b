"""Deliveries of webhooks for tests: stories in the form of real payloads, and the signatures that senders make."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from api.signatures import GivenSecret, Hook
from machines.webhook_files import load_webhooks

DELIVERIES = Path(__file__).parents[1] / "api" / "deliveries"
SECRET = "It's a Secret to Everybody"  # GitHub's own example


def hooks(*sources: str, secret: str = SECRET) -> dict[str, Hook]:
    """The webhooks of these sources, those that are signed with this secret."""
    return {
        name: Hook(webhook, GivenSecret(secret.encode()) if webhook.signature else None)
        for name, webhook in load_webhooks(sources).items()
    }


def story(name: str) -> list[dict[str, Any]]:
    """A whole story of payloads in order, written after real ones: no run was recorded whole."""
    return [json.loads(line) for line in (DELIVERIES / f"{name}-story.jsonl").read_text().splitlines()]


def github(event: str, body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers that GitHub sends with a delivery."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/044aadd",
        "x-github-event": event,
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-hub-signature-256": f"sha256={digest}",
    }
