"""Records of rollouts of prompts."""
