"""The images: how they are built, what is in them, and how a container is asked whether it lives."""
