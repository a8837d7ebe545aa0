"""How keys of services are made, as templates: ``{h32}`` are 32 hexadecimal digits, and so on; see ``MADE_OF``.

Written apart from the detectors' patterns, so that a mistake in one shows. No key is in the repository: one is made
from a seed when a test runs.
"""

import random
import re
import string
from typing import Final

LOWER, UPPER, DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits

MADE_OF: Final[dict[str, str]] = {
    "h": "0123456789abcdef",
    "H": "0123456789ABCDEF",
    "a": LOWER + UPPER + DIGITS,
    "l": LOWER + DIGITS,
    "u": UPPER + DIGITS,
    "w": LOWER + UPPER + DIGITS + "_-",
    "d": DIGITS,
    "b": LOWER + UPPER + DIGITS + "+/",
    "B": UPPER + "234567",
    "L": LOWER + UPPER,
}

TEMPLATES: Final[dict[str, str]] = {
    "openai-legacy": "sk-{a20}T3BlbkFJ{a20}",
    "openai-project": "sk-proj-{w74}T3BlbkFJ{w74}",
    "openai-service-account": "sk-svcacct-{w74}T3BlbkFJ{w74}",
    "openai-admin": "sk-admin-{w58}T3BlbkFJ{w58}",
    "anthropic-api": "sk-ant-api03-{w93}AA",
    "anthropic-admin": "sk-ant-admin01-{w93}AA",
    "anthropic-oauth": "sk-ant-oat01-{w93}AA",
    "google-api": "AIza{w35}",
    "huggingface": "hf_{L34}",
    "huggingface-organisation": "api_org_{L34}",
    "groq": "gsk_{a52}",
    "perplexity": "pplx-{a48}",
    "replicate": "r8_{a37}",
    "openrouter": "sk-or-v1-{h64}",
    "xai": "xai-{a80}",
    "cerebras": "csk-{l48}",
    "langsmith": "lsv2_pt_{h32}_{h10}",
    "langfuse": "sk-lf-{U}",
    "nvidia": "nvapi-{w64}",
    "deepseek": "sk-{h32}",
    "elevenlabs": "sk_{h48}",
    "tavily": "tvly-{a32}",
    "databricks": "dapi{h32}",
    "pinecone": "pcsk_{a6}_{a60}",
    "together": "tgp_v1_{w43}",
    "aws-access-key-id": "AKIA{B16}",
    "aws-temporary-key-id": "ASIA{B16}",
    "azure-client-secret": "{a3}8Q~{a34}",
    "azure-storage-account-key": "{b76}+ASt{b6}==",
    "google-oauth-client-secret": "GOCSPX-{w28}",
    "google-oauth-access": "ya29.{w120}",
    "google-oauth-refresh": "1//0{w60}",
    "digitalocean-personal": "dop_v1_{h64}",
    "digitalocean-oauth": "doo_v1_{h64}",
    "digitalocean-refresh": "dor_v1_{h64}",
    "heroku": "HRKU-AA{w58}",
    "alibaba": "LTAI{a20}",
    "tencent": "AKID{a32}",
    "cloudflare-origin-ca": "v1.0-{h24}-{h146}",
    "fly-access": "fo1_{w43}",
    "vercel-blob": "vercel_blob_rw_{a16}_{a30}",
    "netlify": "nfp_{a36}",
    "render": "rnd_{a32}",
    "scaleway": "SCW{u17}",
    "yandex": "AQVN{w36}",
    "tailscale": "tskey-auth-{a12}CNTRL-{a32}",
    "terraform-cloud": "{a14}.atlasv1.{w67}",
    "vault-service": "hvs.{w95}",
    "vault-batch": "hvb.{w140}",
    "pulumi": "pul-{h40}",
    "doppler": "dp.pt.{a43}",
    "infisical": "st.{h24}.{h32}.{h32}",
    "onepassword": "ops_eyJ{b260}",
    "age": "AGE-SECRET-KEY-1{B58}",
    "github-personal": "{github:ghp}",
    "github-oauth": "{github:gho}",
    "github-user": "{github:ghu}",
    "github-server": "{github:ghs}",
    "github-refresh": "{github:ghr}",
    "github-fine-grained": "github_pat_{a22}_{a59}",
    "gitlab-personal": "glpat-{w20}",
    "gitlab-trigger": "glptt-{h40}",
    "gitlab-runner": "glrt-{w20}",
    "gitlab-deploy": "gldt-{w20}",
    "gitlab-feed": "glft-{w20}",
    "gitlab-agent": "glagent-{w50}",
    "bitbucket": "ATBB{a32}",
    "atlassian": "ATATT3xFfGF0{w171}={H8}",
    "npm": "{github:npm}",
    "pypi": "pypi-AgEIcHlwaS5vcmc{w150}",
    "rubygems": "rubygems_{h48}",
    "crates-io": "cio{a32}",
    "nuget": "oy2{l43}",
    "clojars": "CLOJARS_{l60}",
    "docker": "dckr_pat_{w27}",
    "artifactory": "AKCp{a69}",
    "sonar": "squ_{h40}",
    "circleci": "CCIPAT_{a22}_{h40}",
    "buildkite": "bkua_{h40}",
    "postman": "PMAK-{h24}-{h34}",
    "linear": "lin_api_{a40}",
    "notion": "ntn_{a46}",
    "notion-old": "secret_{a43}",
    "airtable": "pat{a14}.{h64}",
    "asana": "1/{d16}:{h32}",
    "figma": "figd_{w40}",
    "sourcegraph": "sgp_{h40}",
    "launchdarkly": "sdk-{U}",
    "readme": "rdme_{l70}",
    "prefect": "pnu_{l36}",
    "infracost": "ico-{a32}",
    "contentful": "CFPAT-{w43}",
    "typeform": "tfp_{w59}",
    "settlemint": "sm_pat_{a16}",
    "intra42": "s-s4t2ud-{h64}",
    "adobe": "p8e-{l32}",
    "planetscale": "pscale_tkn_{w43}",
    "planetscale-password": "pscale_pw_{w43}",
    "supabase": "sbp_{h40}",
    "supabase-secret": "sb_secret_{w31}",
    "neon": "napi_{l64}",
    "mongodb-atlas": "mdb_sa_sk_{w40}",
    "clickhouse-cloud": "4b1d{a38}",
    "aiven": "AVNS_{w19}",
    "maxmind": "{a6}_{a29}_mmk",
    "mapbox": "sk.eyJ{w80}.{w22}",
    "stripe-live": "sk_live_{a24}",
    "stripe-long": "sk_live_51{a97}",
    "stripe-restricted": "rk_live_{a24}",
    "stripe-test": "sk_test_{a24}",
    "stripe-webhook": "whsec_{a32}",
    "square-access": "EAAA{w60}",
    "square-secret": "sq0csp-{w43}",
    "square-token": "sq0atp-{w22}",
    "braintree": "access_token$production${l16}${h32}",
    "razorpay": "rzp_live_{a14}",
    "plaid": "access-production-{U}",
    "flutterwave": "FLWSECK_TEST-{h32}-X",
    "shopify-access": "shpat_{h32}",
    "shopify-custom": "shpca_{h32}",
    "shopify-private": "shppa_{h32}",
    "shopify-shared": "shpss_{h32}",
    "easypost": "EZAK{a54}",
    "shippo": "shippo_live_{h40}",
    "duffel": "duffel_live_{w43}",
    "paystack": "sk_live_{h40}",
    "slack-bot": "xoxb-{d12}-{d13}-{a24}",
    "slack-user": "xoxp-{d12}-{d12}-{d13}-{h32}",
    "slack-app": "xapp-1-A{u10}-{d13}-{h64}",
    "slack-config": "xoxe.xoxp-1-{a166}",
    "slack-webhook": "https://hooks.slack.com/services/T{u10}/B{u10}/{a24}",
    "discord-bot": "M{a23}.{a6}.{w38}",
    "discord-webhook": "https://discord.com/api/webhooks/{d18}/{w68}",
    "telegram": "{d10}:AA{w33}",
    "twilio": "SK{h32}",
    "sendgrid": "SG.{w22}.{w43}",
    "mailgun": "key-{h32}",
    "mailchimp": "{h32}-us14",
    "brevo": "xkeysib-{h64}-{a16}",
    "resend": "re_{a8}_{a24}",
    "mailersend": "mlsn.{h64}",
    "facebook": "EAAM{a160}",
    "twitter-bearer": "AAAAAAAAAAAAAAAAAAAAA{a80}",
    "dropbox": "sl.{w136}",
    "hubspot": "pat-na1-{U}",
    "salesforce": "00D{a12}!{a90}",
    "sentry-user": "sntryu_{h64}",
    "sentry-organisation": "sntrys_eyJ{b120}_{b43}",
    "new-relic": "NRAK-{u27}",
    "new-relic-licence": "{h36}NRAL",
    "grafana": "glsa_{a32}_{h8}",
    "grafana-cloud": "glc_{b120}",
    "honeycomb": "hcaik_{l58}",
    "posthog": "phx_{a43}",
    "dynatrace": "dt0c01.{u24}.{u64}",
    "axiom": "xaat-{U}",
    # Without a mark of their own: what names them has to stand beside them.
    "named:aws_secret_access_key": "{b40}",
    "named:datadog_api_key": "{h32}",
    "named:datadog_app_key": "{h40}",
    "named:cloudflare_api_token": "{w40}",
    "named:mistral_api_key": "{a32}",
    "named:cohere_api_key": "{a40}",
    "named:fastly_api_token": "{w32}",
    "named:vercel_token": "{a24}",
    "named:twilio_auth_token": "{h32}",
    "named:okta_api_token": "00{w40}",
    "named:algolia_admin_api_key": "{h32}",
    "named:heroku_api_key": "{U}",
    "named:deepgram_api_key": "{h40}",
    "named:azure_openai_api_key": "{h32}",
    "named:travis_access_token": "{a22}",
    "named:bitbucket_client_secret": "{w64}",
    "named:codecov_token": "{U}",
    "named:spotify_client_secret": "{h32}",
    "named:auth0_client_secret": "{w64}",
    "named:django_secret_key": "{w50}",
}

_FIELD = re.compile(r"\{(?:([a-zA-Z])(\d*)|github:(\w+))\}")


def made(template: str, rng: random.Random) -> str:
    """Return a key by a template."""

    def field(found: re.Match[str]) -> str:
        if found[3]:
            return _checked(found[3], rng)
        if found[1] == "U":
            return _uuid(rng)
        return _ending_well(rng.choices(MADE_OF[found[1]], k=int(found[2])), MADE_OF[found[1]], rng)

    return _FIELD.sub(field, template)


def _ending_well(chars: list[str], alphabet: str, rng: random.Random) -> str:
    """Return the characters as a text, with a digit if the alphabet has digits: a key is not all letters by chance."""
    if set(DIGITS) <= set(alphabet) and len(chars) >= 16 and not any(char in DIGITS for char in chars):
        chars[rng.randrange(len(chars))] = rng.choice(DIGITS)
    return "".join(chars)


def _checked(prefix: str, rng: random.Random) -> str:
    """Return a token in the format of GitHub and npm: 30 random characters and their CRC-32 in base 62."""
    import zlib

    body = "".join(rng.choices(MADE_OF["a"], k=30))
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = (DIGITS + UPPER + LOWER)[digit] + digits
    return f"{prefix}_{body}{digits}"


def _uuid(rng: random.Random) -> str:
    text = "".join(rng.choices(MADE_OF["h"], k=32))
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
