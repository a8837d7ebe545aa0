"""The role 'worker': takes step requests, executes each once, publishes every outcome."""
