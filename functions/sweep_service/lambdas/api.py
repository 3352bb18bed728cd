"""Entry point of the api function: every route that does not need a search method."""

from sweep_service.bootstrap import deployed_services
from sweep_service.lambdas.edge import make_handler
from sweep_service.settings import store_settings

handler = make_handler(deployed_services(store_settings()))
