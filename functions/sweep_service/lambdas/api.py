"""Entry point of the functions that serve the API, with and without numpy at hand.

``template.yaml`` sends the routes that need a search method to the function that has numpy.
"""

from sweep_service.bootstrap import deployed_services
from sweep_service.lambdas.edge import make_handler
from sweep_service.settings import store_settings

handler = make_handler(deployed_services(store_settings()))
