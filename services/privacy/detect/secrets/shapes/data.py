"""Keys of databases, search and data services, of observability, analytics and error tracking."""

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


WATCHING: Final[tuple[Shape, ...]] = (
    Shape("sentry-organisation", r"sntrys_eyJ[\w+/=-]{60,}", sure=0.99),
    Shape("sentry-user", r"sntryu_[a-f0-9]{64}", sure=0.99),
    Shape("sentry-integration", r"sntry[ai]_[a-f0-9]{64}", sure=0.99),
    Shape("new-relic-user", r"NRAK-[A-Z0-9]{27}", sure=0.99),
    Shape("new-relic-insert", r"NRI[IQ]-[A-Za-z0-9_-]{32}", sure=0.98),
    Shape("new-relic-browser", r"NRJS-[a-f0-9]{19}", sure=0.95),
    Shape("grafana-service-account", r"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}", sure=0.99),
    Shape("grafana-cloud", r"glc_[A-Za-z0-9+/]{32,}={0,2}", sure=0.98),
    Shape("grafana-api", r"eyJrIjoi[A-Za-z0-9]{60,}={0,2}", sure=0.95),
    Shape("honeycomb", r"hc[abx][il][kc]_[a-z0-9]{58}", sure=0.98),
    Shape("honeybadger", r"hb[pt]_[A-Za-z0-9]{20,48}"),
    Shape("posthog", r"ph[xs]_[A-Za-z0-9]{40,60}", sure=0.97),
    Shape("segment", r"sgp_[A-Za-z0-9]{64}", sure=0.97),
    Shape("dynatrace", r"dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}", sure=0.99),
    Shape("axiom", rf"xa(?:at|pt|it)-{_UUID}", sure=0.99),
    Shape("datadog-application", r"ddapp_[A-Za-z0-9]{34}"),
    Shape("datadog-api-new", r"ddpat_[A-Za-z0-9]{20,60}|ddog[a-z]{0,4}_[A-Za-z0-9]{32,64}"),
    Shape("checkly", r"cu_[a-f0-9]{32}"),
    Shape("logfire", r"pylf_v\d_(?:us|eu)_[A-Za-z0-9]{40,60}", sure=0.98),
    Shape("statsig", r"secret-[A-Za-z0-9]{40,48}"),
)
