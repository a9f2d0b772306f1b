"""Webhooks: deliveries of other systems, which their mappings turn into events, answered when those are in Redis."""

import asyncio
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.access import Access
from api.audit import note
from api.bodies import read_body
from api.delivered import read_events
from api.endpoint import Answer, Call, Endpoint, json_response, problem_answer
from api.identity import Identity
from api.intake import Accepted, append, tell_accepted
from api.problems import Problem, not_found
from api.signatures import Hook, check_signature, unsigned
from machines.entries import Prepared
from machines.mapping_rule import Draft, Fault

EVENTS_LIMIT = 1_000  # of one delivery, which is appended whole, as a batch is
_SHORT_BYTES = 64 * 1024  # what is mapped at once; longer deliveries must not hold up the others
_BODY_SECONDS = 10.0


class MappingFault(msgspec.Struct, frozen=True):
    """A rule of the mapping that could not read the delivery: its name, the key of it, and what was found."""

    rule: str
    key: str
    reason: str


class Taken(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a delivery: the events that are in Redis, in order. Where there are none, `ignored` says why;
    `faults` are rules that could not be applied."""

    events: list[Accepted]
    ignored: Annotated[str, msgspec.Meta(description="Why the delivery gave no event.")] | None = None
    faults: list[MappingFault] = msgspec.field(default_factory=list)


async def _take(call: Call) -> Response:
    service, name = call.service, call.path["name"]
    hook = service.options.hooks.get(name)
    if hook is None:
        raise not_found("webhook", name, "LONGSPAN_WEBHOOKS says which are served")
    with service.strangers.share() as share:
        request = call.request
        claimed = await _admit(request, hook)
        body = await read_body(request, service.options.body_limit, share, _BODY_SECONDS)
        await _check(request, hook, claimed, body)
        drafts, faults = await _read(request, hook, body)
        if faults and not drafts:
            service.traffic.intake["refused"] += 1
            detail = f"no event could be made of the delivery: {faults[0]}"
            raise Problem(400, "Wrong delivery", detail, field=f"{faults[0].rule}: {faults[0].key}")
        note(request, events=len(drafts))
        service.traffic.intake["refused"] += len(faults)
        now_ms = service.now_ns() // 1_000_000
        good = [Prepared(draft.fields(), draft.event(f"{now_ms}-0")) for draft in drafts]
        positions = await append(call, now_ms, good) if good else []
    ignored = None if drafts else f"no rule of the webhook {name} is about this delivery"
    told = [MappingFault(fault.rule, fault.key, fault.reason) for fault in faults]
    return json_response(Taken(tell_accepted(good, positions), ignored, told), 202)


async def _admit(request: Request, hook: Hook) -> str | None:
    """The signature that a request claims, None where it has shown a token instead. Raises Problem 401 and others."""
    signature = hook.webhook.signature
    claimed = request.headers.get(signature.header) if signature else None
    if signature is not None and claimed is not None:
        return claimed
    access: Access | None = request.state.access
    if signature is not None and (access is None or "authorization" not in request.headers):
        detail = f"the delivery is not signed: the header {signature.header} is missing, and so is a token"
        raise unsigned(detail, signature.header)
    if access is not None:
        await access.admit(request)
        access.check_scope(request, "write")
    return None


async def _check(request: Request, hook: Hook, claimed: str | None, body: bytes) -> None:
    if claimed is not None and hook.webhook.signature is not None and hook.secrets is not None:
        check_signature(hook.webhook.signature, await hook.secrets.current(), body, claimed)
        request.state.identity = Identity(hook.webhook.name, frozenset({"write"}), "signature")


async def _read(request: Request, hook: Hook, body: bytes) -> tuple[list[Draft], list[Fault]]:
    if len(body) <= _SHORT_BYTES:
        drafts, faults = read_events(hook.webhook, request.headers.raw, body)
    else:
        drafts, faults = await asyncio.to_thread(read_events, hook.webhook, request.headers.raw, body)
    if len(drafts) > EVENTS_LIMIT:
        detail = f"the delivery has {len(drafts):,} events in it, at most {EVENTS_LIMIT:,} may be sent at once"
        raise Problem(413, "Content Too Large", detail, field="body")
    return drafts, faults


ENDPOINTS = (
    Endpoint(
        "POST",
        "/webhooks/{name}",
        "Take a delivery of another system, signed or with a token.",
        _take,
        "write",
        (
            Answer(
                202, "The events of the delivery are in Redis, or it has none. The same again changes nothing.", Taken
            ),
            problem_answer(400, "The delivery cannot be read, or no event be made of it: the field says which rule."),
            problem_answer(401, "The signature does not fit, or there is neither a signature nor a token."),
            problem_answer(404, "No such webhook is served."),
            problem_answer(408, "The body did not come in time."),
            problem_answer(413, "The body is too long, or has too many events in it."),
            problem_answer(415, "The body is no JSON."),
            problem_answer(429, "Too many events wait to be applied: deliver it again later."),
            problem_answer(503, "Redis does not answer, or its memory is full: deliver the same again."),
        ),
        body={"application/json": Any},
        signed=True,
    ),
)
