"""Signs requests with AWS credentials, for a backend with IAM authorization.

Only this module imports botocore, and only if requests are signed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sweep_sdk._exceptions import UsageError
from sweep_service.installation import install_hint

if TYPE_CHECKING:
    import requests

_SERVICE = "execute-api"
_OF_API_GATEWAY = re.compile(r"[a-z0-9]+\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?")


@dataclass(frozen=True)
class Signer:
    """Signs requests with AWS Signature Version 4.

    Attributes:
        credentials: Credentials of botocore, which are refreshed when they expire.
        region: Region of the API.
    """

    credentials: Any
    region: str

    def sign(self, request: requests.PreparedRequest) -> None:
        """Add the signature of method, URL and body to the headers of a request."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        # In a signed query a space is %20; requests writes '+', and '%2B' for a plus sign.
        parts = urlsplit(request.url or "")
        request.url = parts._replace(query=parts.query.replace("+", "%20")).geturl()
        signed = AWSRequest(method=request.method, url=request.url, data=request.body or b"")
        frozen = self.credentials.get_frozen_credentials()
        SigV4Auth(frozen, _SERVICE, self.region).add_auth(signed)
        request.headers.update(signed.headers)


def signer_of(url: str, token: str | None, auth: str | None) -> Signer | None:
    """The signer for requests to a backend; None if they are not signed.

    Args:
        url: The backend's URL.
        token: The token for it, if there is one.
        auth: ``iam`` or ``token``; None to sign requests to API Gateway if there are AWS
            credentials and no token.

    Raises:
        UsageError: ``auth`` is ``iam``, and botocore, credentials or the region are missing.
    """
    found = _OF_API_GATEWAY.fullmatch(urlsplit(url).hostname or "")
    if auth == "token" or (auth is None and (token or found is None)):
        return None
    try:
        from botocore.session import get_session
    except ImportError:
        if auth is None:
            return None
        raise UsageError(
            f"SWEEP_AUTH is 'iam', and botocore is not installed: use {install_hint('aws')}"
        ) from None
    session = get_session()
    credentials = session.get_credentials()
    region = found[1] if found else session.get_config_variable("region")
    if credentials is not None and region:
        return Signer(credentials, region)
    if auth is None:
        return None
    if credentials is None:
        raise UsageError(
            "SWEEP_AUTH is 'iam', and there are no AWS credentials: use an instance profile,"
            " 'aws sso login' or the AWS_ variables"
        )
    raise UsageError(f"SWEEP_AUTH is 'iam', and {url} names no region: set AWS_REGION")
