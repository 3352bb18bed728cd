"""Entry point of the suggest function: the ask, with memory and time for a model."""

from sweep_service.bootstrap import deployed_services
from sweep_service.lambdas.edge import make_handler
from sweep_service.settings import store_settings

handler = make_handler(deployed_services(store_settings()))
