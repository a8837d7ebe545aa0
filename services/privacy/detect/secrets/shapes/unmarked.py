"""Keys without a mark at their beginning, recognised by their length, by a mark inside or at the end.

A set of patterns would have to count at every word for each of them. So they are looked for in long texts
without spaces only, which one pattern finds for all.
"""

from typing import Final

from services.privacy.detect.secrets.shapes.shape import Shape

UNMARKED: Final[tuple[Shape, ...]] = (
    Shape("discord-bot", r"[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}", sure=0.97),
    Shape("telegram-bot", r"\d{8,10}:AA[\w-]{32,33}", sure=0.99),
    Shape("mailgun-new", r"[a-f0-9]{32}-[a-f0-9]{8}-[a-f0-9]{8}", near=("mailgun*",)),
    Shape("mailchimp", r"[a-f0-9]{32}-us\d{1,2}", sure=0.97),
    Shape("facebook-app", r"\d{15,16}\|[\w-]{26,28}", sure=0.9, near=("facebook*",)),
    Shape("twitter-access", r"\d{15,20}-[A-Za-z0-9]{40}", sure=0.9, near=("twitter*",)),
    Shape("ably", r"[\w-]{6}\.[\w-]{6}:[\w-]{43}", sure=0.97),
    Shape("new-relic-licence", r"(?:eu01xx)?[a-f0-9]{30,36}NRAL", sure=0.98),
    Shape("maxmind", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk", sure=0.98),
    Shape("asana", r"[12]/\d{15,17}(?:/\d{15,17})?:[a-f0-9]{32}", sure=0.97),
    Shape("azure-client-secret", r"[\w~.-]{3}\dQ~[\w~.-]{31,34}"),
    Shape("azure-devops", r"[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{14,18}AZDO[A-Za-z0-9]{4}", sure=0.99),
    Shape(
        "azure-cognitive-services", r"[A-Za-z0-9]{52}(?:JQQJ99|AAAAAC)[A-Za-z0-9]{18}(?:AC|AA|XJ)[A-Z0-9]{6}", sure=0.98
    ),
    Shape("azure-storage-account-key", r"[A-Za-z0-9+/]{76}\+ASt[A-Za-z0-9+/]{6}==", sure=0.98),
    Shape("azure-cosmos-key", r"[A-Za-z0-9+/]{76}ACDb[A-Za-z0-9+/]{6}==", sure=0.98),
    Shape("azure-function-key", r"[\w-]{44}AzFu[\w-]{6}[AQgw]==", sure=0.98),
    Shape("azure-search-key", r"[A-Za-z0-9]{42}AzSe[A-Za-z0-9]{6}", sure=0.98),
    Shape("azure-container-registry", r"[A-Za-z0-9+/]{42}\+ACR[A-Za-z0-9+/]{6}", sure=0.98),
    Shape("terraform-cloud", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}", sure=0.99),
    Shape("ngrok", r"(?:ak_)?[12][A-Za-z0-9]{26}_[1-9A-Za-z]{20,22}", sure=0.75, near=("ngrok*",)),
)

#: Is in every text that has one of them: their inner marks.
UNMARKED_TRIGGER: Final = (
    r"Q~|JQQJ99|AAAAAC|\+ASt|ACDb|AzFu|AzSe|\+ACR|\.atlasv1\.|-us\d|_mmk|NRAL|:AA[\w-]|[12]/\d{15}|\.[\w-]{6}:|"
    r"(?:\b|\\[nrt])[MNO][\w-]{23}|(?i:ngrok|mailgun|facebook|twitter)"
)
