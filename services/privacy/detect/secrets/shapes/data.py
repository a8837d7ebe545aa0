"""Keys of databases, search and data services."""

from typing import Final

from services.privacy.detect.secrets.shapes.shape import Shape

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

DATA: Final[tuple[Shape, ...]] = (
    Shape("planetscale", r"pscale_(?:tkn|pw|oauth|app_secret)_[\w=.-]{32,64}", sure=0.99),
    Shape("supabase-management", r"sbp_(?:v0_)?[a-f0-9]{40}", sure=0.98),
    Shape("supabase-secret", r"sb_secret_[\w-]{22,48}", sure=0.98),
    Shape("neon", r"napi_[a-z0-9]{60,}"),
    Shape("mongodb-atlas", r"mdb_sa_sk_[\w-]{40,48}", sure=0.98),
    Shape("clickhouse-cloud", r"4b1d[A-Za-z0-9]{38}"),
    Shape("elastic-cloud", r"essu_[A-Za-z0-9+/]{40,}={0,2}"),
    Shape("aiven-password", r"AVNS_[\w-]{19}", sure=0.97),
    Shape("xata", r"xau_[A-Za-z0-9]{40,48}"),
    Shape("fauna", r"fn[A-Za-z0-9]{4}[\w-]{36,46}", sure=0.6, near=("fauna*",)),
    Shape("databento", r"db-[A-Za-z0-9]{29}"),
    Shape("mapbox-secret", r"sk\.eyJ[\w-]{40,}\.[\w-]{20,24}", sure=0.98),
    Shape("convex", r"(?:prod|dev):[a-z]+-[a-z]+-\d{1,4}\|[A-Za-z0-9+/=]{40,}"),
    Shape("zapier-webhook", r"(?:https?://)?hooks\.zapier\.com/hooks/catch/\d{4,10}/[a-z0-9]{5,10}"),
    Shape("make-webhook", r"(?:https?://)?hook\.(?:eu|us)\d\.make\.com/[a-z0-9]{32}"),
    Shape("confluent-secret", r"cflt[A-Za-z0-9+/]{60}"),
    Shape("materialize", r"mzp_[a-f0-9]{64}", sure=0.98),
    Shape("tinybird", r"p\.eyJ[\w-]{60,}\.[\w-]{43}", sure=0.97),
)
