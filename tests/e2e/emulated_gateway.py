"""An API Gateway of the test's own before the backend's Lambda handler: what AWS answers itself.

It refuses tokens and knows no route but those of the template, and all of its answers carry its
request id, as those of the real one do.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from sweep_service.access.authenticator import Authenticator
from sweep_service.access.identity import to_authorizer_context
from sweep_service.access.tokens import sha256_of
from sweep_service.errors import ServiceError, Unauthorized
from sweep_service.lambdas.edge import make_handler
from sweep_service.routes import find_route


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
            authorizer = None if route.scope is None else self.authorize(headers)
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
        found = self.handler(event, _Context())
        return found["statusCode"], found["headers"], found["body"].encode()

    def authorize(self, headers):
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
