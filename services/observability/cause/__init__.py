"""Why a run failed, what failed runs share, and why runs cost more than others."""
