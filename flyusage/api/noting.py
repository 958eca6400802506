"""What the API gives as a file is told in the audit, as a page's download is."""

from fastapi import Request
from starlette.responses import Response

from flyusage.api.auth import caller
from flyusage.orgs.exports import note_export


def noted(request: Request, given: Response, what: str, *, subject: str = "", **detail: str) -> Response:
    """`given`, once the audit says that whoever asks takes `what` away. Who has it already (304) takes nothing."""
    if given.status_code == 200 and request.method == "GET":
        bearer = caller(request)
        note_export(bearer.org_id, what, detail, by=bearer.by, subject=subject, apps=bearer.apps)
    return given
