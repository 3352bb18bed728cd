"""Names of sweep-sdk's HTTP headers."""

from __future__ import annotations

#: Version of the backend, in each of its answers. It shows a client that no proxy, ingress or
#: sign-in page has answered in the backend's place.
BACKEND_HEADER = "Sweep-Backend"
#: Version of sweep-sdk, in each of its requests.
SDK_HEADER = "Sweep-Sdk-Version"
#: Keys and macros of the sweep language that the client knows beyond those of version 0.1.0,
#: separated by commas; omitted if there are none.
FEATURES_HEADER = "Sweep-Features"
