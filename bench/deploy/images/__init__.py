"""The images as buildah makes them: built without Docker, weighed, and run on the engines of this machine."""
