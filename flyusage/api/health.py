"""Whether the process lives, and whether it can answer: for supervisors and load balancers."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from flyusage import __version__, schema
from flyusage.errors import FlyusageError


async def healthz(_request: Request) -> JSONResponse:
    """200 as long as the process answers at all; asks nothing of the database."""
    return JSONResponse({"status": "alive", "version": __version__})


async def readyz(_request: Request) -> JSONResponse:
    """200 when the database answers at the schema this version knows; 503 with the reason and the next step otherwise."""
    try:
        await run_in_threadpool(schema.require_known)
    except FlyusageError as error:
        return JSONResponse({"status": "unready", "code": error.code, "detail": error.sentence}, status_code=503)
    return JSONResponse({"status": "ready", "version": __version__})


routes = [Route("/healthz", healthz), Route("/readyz", readyz)]
