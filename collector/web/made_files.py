"""
Files beside the static ones that are made when the server starts, and served as these are.
"""

import hashlib
from typing import Annotated

from fastapi import FastAPI, Header, Response


def add_made_file(app: FastAPI, path: str, text: str, media_type: str) -> None:
    """Serves a text under a path; a browser asks whether its copy is the newest."""
    body = text.encode()
    headers = {"etag": f'"{hashlib.sha256(body).hexdigest()[:32]}"'}

    @app.head(path, include_in_schema=False)
    @app.get(path, include_in_schema=False)
    async def made_file(if_none_match: Annotated[str, Header()] = "") -> Response:
        if headers["etag"] in if_none_match:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=media_type, headers=headers)
