"""The soak: hours of load at half the capacity, under the limits of memory of ``docker-compose.prod.yml``."""
