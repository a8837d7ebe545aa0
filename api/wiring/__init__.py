"""How the API's services are made of its clients: a module per part of the API; ``services`` joins them."""
