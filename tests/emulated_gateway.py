"""An emulated API Gateway in front of the backend's Lambda handler.

It refuses tokens and knows no route but those of the template, and all of its answers carry its
request id, as those of the real one do.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from iam_policies import allows
from sweep_service.access.authenticator import Authenticator
from sweep_service.access.identity import to_authorizer_context
from sweep_service.access.tokens import sha256_of
from sweep_service.errors import ServiceError, Unauthorized
from sweep_service.lambdas.edge import make_handler
from sweep_service.routes import find_route

#: Of an event that a Lambda function takes.
MOST_EVENT_BYTES = 6 * 1024 * 1024


class EmulatedGateway(ThreadingHTTPServer):
    """Serves while a block lasts.

    Attributes:
        token: The first admin's, as of now.
        n_refused: How many requests the authorizer refused.
    """

    daemon_threads = True

    def __init__(self, services, token):
        super().__init__(("127.0.0.1", 0), _Request)
        self.token = token
        self.n_refused = 0
        self.services = services
        self.handler = make_handler(services)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self._thread.join()
        self.server_close()

    def answer(self, method, target, headers, body):
        """Status, headers and body."""
        parts = urlsplit(target)
        try:
            route, _ = find_route(method, parts.path)
        except ServiceError:
            return self.own(404, "Not Found")
        try:
            is_public = route.scope is None
            authorizer = None if is_public else self.authorize(method, target, headers, body)
        except Unauthorized:
            self.n_refused += 1
            status = 403 if "authorization" in headers else 401
            return self.own(status, "Forbidden" if status == 403 else "Unauthorized")
        event = {
            "routeKey": f"{method} {parts.path}",
            "rawPath": parts.path,
            "rawQueryString": parts.query,
            "headers": headers,
            "requestContext": {
                "http": {"method": method, "path": parts.path},
                "stage": "$default",
                "authorizer": authorizer,
            },
            "body": body.decode(),
            "isBase64Encoded": False,
        }
        if len(json.dumps(event)) > MOST_EVENT_BYTES:
            return self.own(413, "Request Entity Too Large")
        found = self.handler(event, _Context())
        return found["statusCode"], found["headers"], found["body"].encode()

    def authorize(self, method, target, headers, body):
        """``requestContext.authorizer`` of a request that the Lambda authorizer lets through."""
        services = self.services
        first = sha256_of(self.token)
        authenticator = Authenticator(first, lambda: services.store, services.clock)
        identity = authenticator.identify(headers.get("authorization"))
        return {"lambda": to_authorizer_context(identity)}

    @staticmethod
    def own(status, message):
        headers = {"Content-Type": "application/json"}
        return status, headers, json.dumps({"message": message}).encode()


class EmulatedIamGateway(EmulatedGateway):
    """The API that asks IAM: it checks signatures by botocore, and the policies of the template.

    Attributes:
        callers: Access key -> secret, session token (or None), ARN and policy of its owner.
    """

    def __init__(self, services, callers):
        super().__init__(services, token="")
        self.callers = callers

    def authorize(self, method, target, headers, body):
        """``requestContext.authorizer`` of a request whose signer IAM lets through."""
        found = _SIGNATURE.fullmatch(headers.get("authorization", ""))
        if found is None or found["key"] not in self.callers:
            raise Unauthorized("not signed by anyone known")
        secret, session, arn, policy = self.callers[found["key"]]
        if headers.get("x-amz-security-token") != session:
            raise Unauthorized("another session")
        signed = {name: headers[name] for name in found["headers"].split(";")}
        request = AWSRequest(method, f"{self.url}{target}", headers=signed, data=body)
        request.context["timestamp"] = headers["x-amz-date"]
        signer = SigV4Auth(Credentials(found["key"], secret), "execute-api", found["region"])
        text = signer.string_to_sign(request, signer.canonical_request(request))
        if signer.signature(text, request) != found["signature"]:
            raise Unauthorized("the signature is not that of the request")
        if not allows(policy, method, urlsplit(target).path):
            raise Unauthorized("no policy allows it")
        return {"iam": {"accessKey": found["key"], "accountId": "123456789012", "userArn": arn}}


_SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>\w+)/\d{8}/(?P<region>[a-z0-9-]+)"
    r"/execute-api/aws4_request, SignedHeaders=(?P<headers>[a-z0-9;-]+),"
    r" Signature=(?P<signature>[0-9a-f]{64})"
)


class _Context:
    function_name = "api"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:000000000000:function:api"
    aws_request_id = "request-id"


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: EmulatedGateway

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, own, content = self.server.answer(self.command, self.path, headers, body)
        self.send_response(status)
        for name, value in {**own, "Apigw-Requestid": "JKJaXmPLvHcESHA="}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any

    def log_message(self, *_):
        pass
