"""``.agentflow/env``: where the running system is, for operators' commands and for shells. Its owner alone reads it."""

import shlex

from connectors.objects import atomic_file
from deploy.local.system import System
from schemas.configuration.running_system import ENV_FILE


def write(system: System) -> None:
    """Write the file; a reader sees it whole or not at all."""
    env = system.role_env("")
    named = {
        **system.stack.endpoints.as_env(),
        **{name: env[name] for name in ("API_HOST", "API_PORT", "DEFAULT_ORG_ID", "TOPIC_PARTITIONS")},
        **{name: env[name] for name in ("OBJECTS_DIR", "RESULTS_DIR")},
        "API_KEY_FILE": str(system.data_dir / "api-key"),
        "KEY_PEPPER_FILE": str(system.data_dir / "key-pepper"),
        "VAULT_KEY_FILE": str(system.data_dir / "vault-key"),
        "AUDIT_KEY_FILE": str(system.data_dir / "audit-key"),
    }
    lines = (f"{name}={shlex.quote(value)}\n" for name, value in named.items())
    atomic_file.replace(system.data_dir / ENV_FILE, "".join(lines).encode())


def remove(system: System) -> None:
    """Remove the file, so that no command looks for a system that was stopped."""
    (system.data_dir / ENV_FILE).unlink(missing_ok=True)
