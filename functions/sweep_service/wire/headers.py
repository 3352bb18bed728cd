"""Names of the HTTP headers that client and backend send each other."""

from __future__ import annotations

#: Every answer of the backend carries its version under this name: a client sees by it that no
#: proxy, ingress or sign-in page has answered in the backend's place.
BACKEND_HEADER = "Sweep-Backend"
#: Every request of sweep-sdk carries its version under this name.
SDK_HEADER = "Sweep-Sdk-Version"
#: Keys and macros of the sweep language that the client knows beyond those of version 0.1.0,
#: separated by commas; left out where there are none.
FEATURES_HEADER = "Sweep-Features"
