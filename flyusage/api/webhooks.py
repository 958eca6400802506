"""Where the payment processor tells what became of an invoice. Its signature is what lets it in."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from flyusage import db
from flyusage.errors import FlyusageError
from flyusage.invoices.payments import events

LONGEST_BODY = 1_000_000


async def stripe(request: Request) -> JSONResponse:
    """200 with what came of the event (also the second time), 400 for what is not the processor's, 413 for what is too long."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_BODY:
            return JSONResponse({"code": "too_long", "detail": "No event is that long."}, status_code=413)
    try:
        outcome = await run_in_threadpool(_take, bytes(body), request.headers.get("stripe-signature"))
    except FlyusageError as error:
        return JSONResponse({"code": error.code, "detail": error.sentence}, status_code=error.status)
    return JSONResponse({"outcome": outcome})


def _take(body: bytes, signature: str | None) -> str:
    event = events.verified(body, signature)
    with db.platform_transaction() as session:
        return events.take(session, event)


routes = [Route("/webhooks/stripe", stripe, methods=["POST"])]
