"""What docker-compose files and Kubernetes manifests of this repository say: objects, roles and variables."""
