"""Keys of chat, e-mail, telephony and social networks."""

from typing import Final

from services.privacy.detect.secrets.shapes.shape import Shape

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

MESSAGES: Final[tuple[Shape, ...]] = (
    Shape("slack-bot", r"xoxb-[0-9]{8,14}-[0-9A-Za-z-]{10,}", sure=0.99),
    Shape("slack-user", r"xox[pars]-[0-9A-Za-z-]{10,}", sure=0.97),
    Shape("slack-config", r"xoxe(?:\.xox[bp])?-\d-[A-Za-z0-9-]{30,}", sure=0.99),
    Shape("slack-cookie", r"xox[cd]-[A-Za-z0-9%+/=-]{20,}", sure=0.97),
    Shape("slack-app", r"xapp-\d-[A-Z0-9]{8,14}-\d{8,14}-[a-f0-9]{40,}", sure=0.99),
    Shape(
        "slack-webhook",
        r"(?:https?://)?hooks\.slack\.com/(?:services|workflows|triggers)/[A-Z0-9]{8,12}/[A-Z0-9]{8,14}/[A-Za-z0-9]{18,48}",
        sure=0.99,
    ),
    Shape(
        "discord-webhook",
        r"(?:https?://)?discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/\d{17,20}/[\w-]{60,}",
        sure=0.99,
    ),
    Shape("twilio-api-key", r"SK[a-f0-9]{32}", sure=0.96),
    Shape("sendgrid", r"SG\.[\w-]{22}\.[\w-]{43}", sure=0.99),
    Shape("mailgun", r"key-[a-f0-9]{32}"),
    Shape("mandrill", r"md-[\w-]{22}", sure=0.85, near=("mandrill*",)),
    Shape("brevo", r"x(?:keysib|smtpsib)-[a-f0-9]{64}-[A-Za-z0-9]{16}", sure=0.99),
    Shape("resend", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,28}", sure=0.96),
    Shape("mailersend", r"mlsn\.[a-f0-9]{64}", sure=0.99),
    Shape(
        "teams-webhook",
        rf"webhook\.office\.com/webhookb2/{_UUID}@{_UUID}/IncomingWebhook/[a-f0-9]{{32}}/{_UUID}",
        sure=0.99,
    ),
    Shape(
        "google-chat-webhook",
        r"(?:https?://)?chat\.googleapis\.com/v1/spaces/[\w-]{8,14}/messages\?key=[\w-]{39}&token=[\w%-]{40,60}",
        sure=0.99,
    ),
    Shape("facebook-page", r"EAA[MC]?[A-Za-z0-9]{90,}", sure=0.96),
    Shape("instagram", r"IG(?:QV|AA)[\w-]{80,}"),
    Shape("twitter-bearer", r"A{20,22}[A-Za-z0-9%]{60,}", sure=0.96),
    Shape("linkedin-client-secret", r"WPL_AP\d\.[A-Za-z0-9]{16}\.[A-Za-z0-9+/]{6,10}={0,2}", sure=0.98),
    Shape("dropbox-short", r"sl\.(?:u\.)?[\w-]{130,}", sure=0.96),
    Shape("hubspot", rf"pat-(?:na|eu|ap)\d-{_UUID}", sure=0.98),
    Shape("salesforce", r"00D[A-Za-z0-9]{12,15}![\w.]{80,}", sure=0.98),
    Shape("intercom", r"dG9rO[A-Za-z0-9+/]{54}=", sure=0.97),
    Shape("frame-io", r"fio-u-[\w=-]{64}", sure=0.98),
    Shape("beamer", r"b_[a-z0-9=_-]{44}", sure=0.7, near=("beamer*",)),
    Shape("okta-ssws", r"SSWS 00[\w=-]{40}", sure=0.98),
    Shape("okta", r"00[A-Za-z0-9][\w-]{39}", sure=0.6, near=("okta*",)),
    Shape("pagerduty", r"u\+[\w+-]{18}", sure=0.9),
    Shape("courier", r"pk_(?:prod|test)_[A-Z0-9]{28}", sure=0.9),
)
