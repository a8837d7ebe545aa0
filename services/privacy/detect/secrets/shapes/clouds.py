"""Keys of clouds, hosting and infrastructure."""

from typing import Final

from services.privacy.detect.secrets.shapes.shape import Shape

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

CLOUDS: Final[tuple[Shape, ...]] = (
    Shape("aws-access-key-id", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}", sure=0.97),
    Shape("aws-session-token", r"(?:IQoJb3JpZ2lu|FwoGZXIvYXdz)[A-Za-z0-9/+=]{80,}"),
    Shape("aws-mws", rf"amzn\.mws\.{_UUID}", sure=0.98),
    Shape("aws-cognito-client", r"amzn1\.oa2-cs\.v1\.[a-f0-9]{64}"),
    Shape("azure-sas-signature", r"sig=[A-Za-z0-9%/+]{43,}(?:%3D|=)"),
    Shape("google-oauth-client-secret", r"GOCSPX-[\w-]{28}", sure=0.98),
    Shape("google-oauth-access", r"ya29\.[\w.-]{40,}"),
    Shape("google-oauth-refresh", r"1//0[\w-]{40,}"),
    Shape("google-cloud-messaging", r"AAAA[\w-]{7}:[\w-]{140}"),
    Shape("digitalocean", r"do[opr]_v1_[a-f0-9]{64}", sure=0.99),
    Shape("heroku", r"HRKU-AA[\w-]{58}", sure=0.98),
    Shape("heroku-old", rf"HRKU-{_UUID}", sure=0.97),
    Shape("alibaba-access-key", r"LTAI[A-Za-z0-9]{12,24}"),
    Shape("tencent-secret-id", r"AKID[A-Za-z0-9]{32}"),
    Shape("cloudflare-origin-ca", r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}", sure=0.99),
    Shape("fly-macaroon", r"fm[12][ar]?_[A-Za-z0-9+/]{80,}={0,3}"),
    Shape("fly-access", r"fo1_[\w-]{43}"),
    Shape("vercel-blob", r"vercel_blob_rw_[A-Za-z0-9]{16}_[A-Za-z0-9]{30}", sure=0.98),
    Shape("netlify", r"nfp_[A-Za-z0-9]{36,40}"),
    Shape("render", r"rnd_[A-Za-z0-9]{28,40}"),
    Shape("scaleway", r"SCW[A-Z0-9]{17}"),
    Shape("scalingo", r"tk-us-[\w-]{48}"),
    Shape("yandex-api", r"AQVN[\w-]{35,38}"),
    Shape("yandex-iam", r"t1\.[A-Z0-9a-z_-]+={0,2}\.[A-Za-z0-9_-]{86}={0,2}"),
    Shape("yandex-oauth", r"y[0-3]_[\w-]{50,60}", near=("yandex*",)),
    Shape("tailscale", r"tskey-(?:api|auth|client|scim|webhook)-[A-Za-z0-9]{8,24}-[A-Za-z0-9]{20,48}", sure=0.98),
    Shape("vault-service", r"hvs\.[\w-]{24,}", sure=0.97),
    Shape("vault-batch", r"hvb\.[\w-]{100,}", sure=0.97),
    Shape("vault-recovery", r"hvr\.[\w-]{24,}", sure=0.97),
    Shape("pulumi", r"pul-[a-f0-9]{40}"),
    Shape("doppler", r"dp\.(?:pt|st|sa|ct|scim|audit)\.(?:[\w-]{2,40}\.)?[A-Za-z0-9]{40,44}", sure=0.98),
    Shape("infisical", r"st\.[a-f0-9]{24}\.[a-f0-9]{32}\.[a-f0-9]{32}", sure=0.98),
    Shape("onepassword-service-account", r"ops_eyJ[A-Za-z0-9+/=]{200,}", sure=0.98),
    Shape("onepassword-secret-key", r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}"),
    Shape("age-secret-key", r"AGE-SECRET-KEY-1[0-9A-Z]{58}", sure=0.99),
    Shape("openshift", r"sha256~[\w-]{43}"),
    Shape("octopus-deploy", r"API-[A-Z0-9]{26}", sure=0.9),
    Shape("defined-networking", r"dnkey-[a-z0-9=_-]{26}-[a-z0-9=_-]{52}"),
    Shape("harness", r"(?:pat|sat)\.[\w-]{22}\.[a-f0-9]{24}\.[A-Za-z0-9]{20}", sure=0.98),
    Shape("cloudinary", r"cloudinary://\d{12,18}:[\w-]{24,30}@[a-z0-9_-]+"),
    Shape("nebius", r"v1\.C[\w-]{150,}"),
)
