"""Why a backup or a restore is refused; each message says how to fix it. Nothing was written before a refusal."""

from schemas.errors import Rejected


class BackupRefused(Rejected):
    """The request cannot be done as it is: a site that is not empty, a point in time that no backup has."""


class DamagedBackup(Rejected):
    """A part is missing or changed, or a manifest cannot be read or is not ours."""
